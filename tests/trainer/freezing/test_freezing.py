"""One network in four formats: all agree with it. One that does not is rejected, or left out if it is not required."""

import hashlib
import re
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from har.decisions import Thresholds
from tests.trainer import tiny_network
from tests.trainer.frozen_networks import (
    GRAVITY,
    RATE_HZ,
    STEPS,
    frozen_network,
    made_windows,
    networks,
    on_frozen_networks,
    tf_keras,
)
from trainer import freezing
from trainer.fitting.fixed_features import movement_directions
from trainer.freezing.agreement import measure_agreement, trained_probabilities

pytestmark = on_frozen_networks

#: Freezing a network takes most of a minute. `origin` has LSTM layers, too.
NETWORKS = ["conv_features", pytest.param("conv_lstm", marks=pytest.mark.long), "origin"]
LSTM_LAYERS = {"conv_features": 0, "conv_lstm": 2, "origin": 2}
FORMATS = ["onnx", "litert-float32", "litert-int8", "tensorflow-frozen-graph"]
DIFFERENCES = {"onnx": 1e-5, "litert-float32": 1e-4, "litert-int8": 0.1, "tensorflow-frozen-graph": 1e-5}
LITE_FLOAT32_BYTES = {"origin": 300_000}  # others: 450,000


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> tuple[Any, freezing.Frozen]:
    return frozen_network(request.param)


def test_every_format_is_small_and_agrees_with_the_network(network: tuple[Any, freezing.Frozen]) -> None:
    model, frozen = network
    found = {artifact.format: artifact for artifact in frozen.artifacts}
    assert list(found) == FORMATS == list(frozen.files)
    for name, artifact in found.items():
        content = frozen.files[name]
        assert artifact.bytes == len(content)
        assert artifact.sha256 == hashlib.sha256(content).hexdigest()
        assert artifact.largest_difference <= DIFFERENCES[name]
        assert artifact.same_prediction >= 0.99
        assert 0 < artifact.latency_ms < 5_000
    assert found["litert-float32"].bytes < LITE_FLOAT32_BYTES.get(model.name, 450_000)
    assert found["litert-int8"].bytes < 130_000
    assert {artifact.name for artifact in frozen.artifacts} == {
        "network.onnx",
        "network.tflite",
        "network_int8.tflite",
        "network.pb",
    }


@pytest.mark.parametrize("name", FORMATS)
def test_formats_agree_on_other_windows(network: tuple[Any, freezing.Frozen], name: Any) -> None:
    model, frozen = network
    predict = freezing.load_predictor(name, frozen.files[name])
    for count in (1, 7):
        windows = GRAVITY.apply(made_windows(count, seed=count))
        answers = predict(windows)
        assert answers.dtype == np.float32
        np.testing.assert_allclose(answers, trained_probabilities(model, windows), atol=DIFFERENCES[name])


def test_each_lstm_layer_is_one_node_for_onnx(network: tuple[Any, freezing.Frozen]) -> None:
    graph = onnx.load_from_string(network[1].files["onnx"]).graph
    assert sum(node.op_type == "LSTM" for node in graph.node) == LSTM_LAYERS[network[0].name]
    assert [value.name for value in graph.input] == ["windows"]
    assert [value.name for value in graph.output] == ["probabilities"]


@pytest.mark.parametrize("name", FORMATS)
def test_probabilities_do_not_depend_on_earlier_windows(network: tuple[Any, freezing.Frozen], name: Any) -> None:
    predict = freezing.load_predictor(name, network[1].files[name])
    windows = GRAVITY.apply(made_windows(12))
    forwards = np.concatenate([predict(window[None]) for window in windows])
    backwards = np.concatenate([predict(window[None]) for window in windows[::-1]])
    np.testing.assert_array_equal(forwards, backwards[::-1])


def test_onnx_probabilities_do_not_depend_on_the_batch_bit_for_bit(network: tuple[Any, freezing.Frozen]) -> None:
    predict = freezing.load_predictor("onnx", network[1].files["onnx"])
    windows = GRAVITY.apply(made_windows(130))
    alone = np.concatenate([predict(window[None]) for window in windows])
    for size in (7, 64, 130):
        batches = np.concatenate([predict(windows[at : at + size]) for at in range(0, len(windows), size)])
        np.testing.assert_array_equal(batches, alone)


@pytest.mark.parametrize("name", ["onnx", "litert-float32", "tensorflow-frozen-graph"])
def test_formats_reproduce_the_golden_window(network: tuple[Any, freezing.Frozen], name: Any) -> None:
    golden = network[1].golden
    assert len(golden.window) == STEPS
    predict = freezing.load_predictor(name, network[1].files[name])
    answer = predict(GRAVITY.apply(np.array([golden.window], np.float32)))[0]
    np.testing.assert_allclose(answer, golden.probabilities, atol=freezing.GOLDEN_TOLERANCE)


def altered_onnx(content: bytes) -> bytes:
    """Change one weight of the network."""
    proto = onnx.load_from_string(content)
    largest = max(proto.graph.initializer, key=lambda weights: weights.ByteSize())
    values = numpy_helper.to_array(largest).copy()
    values.flat[0] += 3.0
    largest.CopyFrom(numpy_helper.from_array(values, largest.name))
    return proto.SerializeToString()


def test_altered_weight_of_one_format_is_found() -> None:
    model, frozen = frozen_network("origin")
    windows = GRAVITY.apply(made_windows(50))
    files = {**frozen.files, "onnx": altered_onnx(frozen.files["onnx"])}
    measured = freezing.measure_all(trained_probabilities(model, windows), files, windows)
    with pytest.raises(freezing.FreezingError, match=r"onnx differs by .* the limit is 0.0001") as rejected:
        freezing.reject_outside(measured, freezing.budgets_of("origin"))
    assert "litert" not in str(rejected.value)
    assert "frozen-graph" not in str(rejected.value)


def test_other_network_is_rejected_in_every_format() -> None:
    _, frozen = frozen_network("origin")
    other = networks.build("origin", steps=STEPS, classes=5)
    windows = GRAVITY.apply(made_windows(50))
    measured = freezing.measure_all(trained_probabilities(other, windows), frozen.files, windows)
    with pytest.raises(freezing.FreezingError) as rejected:
        freezing.reject_outside(measured, freezing.budgets_of("origin"))
    assert all(name in str(rejected.value) for name in FORMATS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bytes": 130_001}, "litert-int8 has 130,001 bytes; the limit is 130,000"),
        ({"same_prediction": 0.985}, "litert-int8 gives .* prediction for 0.985 of the windows; at least 0.99"),
        ({"same_prediction": float("nan")}, "litert-int8 gives"),
        ({"same_prediction": None}, "litert-int8 gives"),
        ({"largest_difference": float("nan")}, "litert-int8 differs by nan"),
        ({"format": "litert-float32", "largest_difference": 2e-4}, "litert-float32 differs by 0.0002 .* 0.0001"),
        ({"format": "tensorflow-frozen-graph", "largest_difference": 2e-4}, "frozen-graph differs by 0.0002 .* 0.0001"),
    ],
)
def test_format_outside_its_budget_is_rejected_with_figure_and_limit(changes: dict[str, Any], message: str) -> None:
    artifacts = frozen_network("origin")[1].artifacts
    freezing.reject_outside(artifacts, freezing.budgets_of("origin"))
    int8 = next(artifact for artifact in artifacts if artifact.format == "litert-int8")
    with pytest.raises(freezing.FreezingError, match=message):
        freezing.reject_outside([msgspec.structs.replace(int8, **changes)], freezing.budgets_of("origin"))


def test_the_origin_network_has_a_smaller_budget() -> None:
    artifact = msgspec.structs.replace(frozen_network("origin")[1].artifacts[1], bytes=310_000)
    freezing.reject_outside([artifact], freezing.budgets_of("conv_lstm"))
    with pytest.raises(freezing.FreezingError, match="the limit is 300,000"):
        freezing.reject_outside([artifact], freezing.budgets_of("origin"))


def frozen_tiny(**budgets: freezing.Budget) -> freezing.Frozen:
    model = tiny_network.tiny(steps=16, classes=2)
    limits = freezing.Budgets(**budgets)
    return freezing.freeze_all(
        model, made_windows(4, 16), steps=16, rate_hz=RATE_HZ, normalisation=GRAVITY, budgets=limits
    )


def test_required_formats_outside_their_budgets_are_rejected_together() -> None:
    small = freezing.Budget(bytes=1_000)
    with pytest.raises(freezing.FreezingError, match=r"onnx has .* the limit is 1,000; litert-float32 has .* 1,000"):
        frozen_tiny(onnx=small, lite_float32=small)


def test_int8_outside_its_budget_is_left_out_with_figure_and_limit() -> None:
    frozen = frozen_tiny(lite_int8=freezing.Budget(bytes=1_000, required=False))
    assert [absent.format for absent in frozen.left_out] == ["litert-int8"]
    assert re.fullmatch(r"litert-int8 has [\d,]+ bytes; the limit is 1,000", frozen.left_out[0].reason)
    assert list(frozen.files) == [artifact.format for artifact in frozen.artifacts] == [
        "onnx", "litert-float32", "tensorflow-frozen-graph",
    ]  # fmt: skip


def logit(file: bytes, windows: Any, load: Any) -> float:
    probabilities = np.asarray(load(file)(windows)[0], np.float64)
    return float(np.log(probabilities[1] / probabilities[0]))


def test_int8_that_its_consumers_would_reject_is_left_out() -> None:
    """Their golden window is so near the border between two classes that rounding the weights decides."""
    windows = tf_keras.layers.Input((STEPS, 3), name="windows")
    flow = tf_keras.layers.Dense(2, kernel_initializer=tf_keras.initializers.RandomNormal(0, 0.01, seed=0))(
        tf_keras.layers.Flatten()(windows)
    )
    model = tf_keras.Model(windows, tf_keras.layers.Activation("softmax", name="probabilities")(flow))
    file = freezing.freeze_onnx(model)
    golden = GRAVITY.apply(np.array([freezing.golden_window(file, STEPS, RATE_HZ, GRAVITY).window], np.float32))
    trained, rounded = (
        logit(content, golden, load)
        for content, load in (
            (file, freezing.onnx_predictor),
            (freezing.freeze_lite_int8(model), freezing.lite_predictor),
        )
    )
    kernel, bias = model.layers[-2].get_weights()
    model.layers[-2].set_weights([kernel, bias - np.array([0, (trained + rounded) / 2], np.float32)])
    clear = (kernel[:, 1] - kernel[:, 0]).reshape(1, STEPS, 3) * np.float32(1e4) * np.array([[[1]], [[-1]]], np.float32)

    frozen = freezing.freeze_all(model, clear, steps=STEPS, rate_hz=RATE_HZ, normalisation=GRAVITY)

    assert [absent.reason for absent in frozen.left_out] == [
        "litert-int8 gives another class for the golden window than the trained network"
    ]


@pytest.mark.parametrize("shape", [(0, STEPS, 3), (4, STEPS - 1, 3), (STEPS, 3)])
def test_windows_of_wrong_shape_are_rejected(shape: tuple[int, ...]) -> None:
    model, _ = frozen_network("origin")
    with pytest.raises(freezing.FreezingError, match="needs at least one held-out window"):
        freezing.freeze_all(model, np.zeros(shape, np.float32), steps=STEPS, rate_hz=RATE_HZ, normalisation=GRAVITY)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("damage", ["empty", "noise", "half", "other format"])
def test_damaged_file_is_rejected_with_its_format(name: Any, damage: str) -> None:
    files = frozen_network("origin")[1].files
    damaged = {
        "empty": b"",
        "noise": np.random.default_rng(0).bytes(5_000),
        "half": files[name][: len(files[name]) // 2],
        "other format": files["onnx" if name != "onnx" else "litert-float32"],
    }[damage]
    with pytest.raises(freezing.FreezingError, match=f"{name.removesuffix('-float32').removesuffix('-int8')}: .*load"):
        freezing.load_predictor(name, damaged)


class Breaking(tf_keras.layers.Layer):  # type: ignore[misc] # tf-keras ships no types
    """A layer that can be trained but not traced."""

    whole = True

    def call(self, values: Any) -> Any:
        """Return the inputs."""
        if not self.whole:
            raise ValueError("this layer is broken")
        return values


@pytest.mark.parametrize(
    ("convert", "name"), [(freezing.freeze_onnx, "onnx"), (freezing.freeze_graph, "tensorflow-frozen-graph")]
)
def test_failed_conversion_is_reported_with_format_and_cause(convert: Any, name: str) -> None:
    breaking = Breaking()
    model = tf_keras.Sequential([tf_keras.layers.Input((STEPS, 3), name="windows"), breaking])
    breaking.whole = False
    with pytest.raises(freezing.FreezingError, match=rf"{name}: .* cannot convert {model.name}: ") as rejected:
        convert(model)
    assert "this layer is broken" in str(rejected.value.__cause__)


def test_cells_may_hold_more_than_ten() -> None:
    # TensorFlow's converter would clip the cell states at 10; this network counts up to 30 and down to 5.
    model = tf_keras.Sequential(
        [
            tf_keras.layers.Input((55, 3), name="windows"),
            tf_keras.layers.LSTM(1),
            tf_keras.layers.Dense(2, activation="softmax", name="probabilities"),
        ]
    )
    lstm, dense = model.layers
    kernel = np.zeros((3, 4), np.float32)
    kernel[0, 2] = 10.0
    lstm.set_weights([kernel, np.zeros((1, 4), np.float32), np.array([20, 20, 0, 20], np.float32)])
    dense.set_weights([np.array([[3.0, -3.0]], np.float32), np.zeros(2, np.float32)])
    windows = np.zeros((1, 55, 3), np.float32)
    windows[:, :30, 0], windows[:, 30:, 0] = 1.0, -1.0
    answer = model.predict(windows, verbose=0)
    assert answer[0, 0] > 0.9
    for convert in (freezing.freeze_lite, freezing.freeze_lite_int8):
        np.testing.assert_allclose(freezing.lite_predictor(convert(model))(windows), answer, atol=1e-3)


def test_formats_agree_for_a_phone_at_rest() -> None:
    windows = tf_keras.layers.Input((STEPS, 3), name="windows")
    seen = tf_keras.layers.Activation("linear", name="probabilities")(movement_directions(windows))
    model = tf_keras.Model(windows, seen)
    rng = np.random.default_rng(0)
    gravity = rng.normal(size=(32, 1, 3))
    gravity /= np.linalg.norm(gravity, axis=2, keepdims=True)
    still = (gravity + rng.normal(0, 1e-3, (32, STEPS, 3))).astype(np.float32)
    expected = model.predict(still, verbose=0)
    for predict in (
        freezing.onnx_predictor(freezing.freeze_onnx(model)),
        freezing.lite_predictor(freezing.freeze_lite(model)),
    ):
        np.testing.assert_allclose(predict(still), expected, atol=5e-6)


def test_unknown_counts_as_a_prediction() -> None:
    trained = np.float32([[0.7, 0.3], [0.55, 0.45], [0.4, 0.6]])
    frozen = np.float32([[0.69, 0.31], [0.45, 0.55], [0.4, 0.6]])
    windows = np.zeros((3, STEPS, 3), np.float32)
    assert measure_agreement(trained, lambda _: frozen, windows).same_prediction == pytest.approx(2 / 3)
    assert measure_agreement(trained, lambda _: frozen, windows, Thresholds(0.65)).same_prediction == 1
    found = measure_agreement(trained, lambda _: frozen, windows, Thresholds(0.695))
    assert found.same_prediction == pytest.approx(2 / 3)
    assert found.largest_difference == pytest.approx(0.1)
