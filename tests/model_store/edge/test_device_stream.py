"""Predictions on the device: the same windows as in the stream, however the readings are divided among calls."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har.rejections import RejectedMessage
from har.windowing import WindowSpec, recording_windows
from model_store.edge.device_stream import DeviceStream
from model_store.lite_classifier import LiteClassifier
from model_store.onnx_classifier import OnnxClassifier
from model_store.release_folder import open_release
from tests.model_store.personal_store import head_of

NETWORK = LiteClassifier(open_release("baseline"))
BEGIN = 1_700_000_000_000_000
#: A time between the readings before and after the rejected ones.
LATER = BEGIN + 3_999_000


def walked(seconds: float, *, rate: int = 100, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return random readings with jittered times."""
    chance = np.random.default_rng(seed)
    count = int(seconds * rate)
    period = 1_000_000 // rate
    times = BEGIN + np.arange(count) * period + chance.integers(0, period // 3, count)
    return times, chance.normal([0, 0, 9.8], 2, (count, 3)).astype(np.float32)


def stream(network=NETWORK) -> DeviceStream:
    return DeviceStream("phone", "s1", lambda: network)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(1, 1_199), max_size=12), gap=st.booleans())
def test_windows_and_probabilities_equal_those_of_the_whole_recording(cuts, gap):
    times, axes = walked(12)
    if gap:
        times = times + np.where(np.arange(len(times)) >= 600, 3_000_000, 0)
    device = stream()
    predictions = []
    for piece in np.split(np.arange(len(times)), sorted(set(cuts))):
        predictions += device.add(times[piece], axes[piece])
    windows = recording_windows(times, axes, NETWORK.manifest.window_spec)
    expected = NETWORK.probabilities(windows.values)
    assert [prediction.start for prediction in predictions] == windows.starts.tolist()[: len(predictions)]
    assert len(predictions) >= len(windows.starts) - 1  # the last window may need one more reading
    for prediction, row in zip(predictions, expected, strict=False):
        assert [*prediction.probabilities.values(), *prediction.background.values()] == row.tolist()
    in_stream = OnnxClassifier.open("baseline").probabilities(windows.values)
    assert np.abs(in_stream - expected).max() <= NETWORK.manifest.golden.tolerance


def test_prediction_is_marked_as_made_on_the_device():
    (prediction,) = stream().add(*walked(6))[:1]
    assert (prediction.device, prediction.session, prediction.made_on) == ("phone", "s1", "device")
    assert prediction.end - prediction.start == 4_000_000
    assert prediction.release == NETWORK.manifest.release


@pytest.mark.parametrize(
    ("times", "axes", "match"),
    [
        ([BEGIN, BEGIN], [[0, 0, 9.8]] * 2, "strictly increase"),
        ([BEGIN + 1, BEGIN], [[0, 0, 9.8]] * 2, "strictly increase"),
        ([5 * 10**15, 6 * 10**15], [[0, 0, 9.8]] * 2, "microseconds since the epoch"),
        ([LATER], [[0, 0, np.nan]], "NaN"),
        ([LATER], [[0, 0, 980.0]], "the limit is 200"),
        ([LATER], [[0, 9.8]], "shape"),
    ],
    ids=["repeated", "backwards", "no epoch", "NaN", "magnitude", "shape"],
)
def test_invalid_readings_are_rejected_and_change_nothing(times, axes, match):
    good_times, good_axes = walked(8)
    broken, whole = stream(), stream()
    before = broken.add(good_times[:400], good_axes[:400])
    with pytest.raises(ValueError, match=match):
        broken.add(np.array(times), np.array(axes, np.float32))
    after = broken.add(good_times[400:], good_axes[400:])
    assert [each.start for each in before + after] == [each.start for each in whole.add(good_times, good_axes)]


@pytest.mark.parametrize("name", ["", "a phone", "x" * 65])
def test_invalid_device_name_is_rejected(name):
    with pytest.raises(RejectedMessage):
        DeviceStream(name, "s1", lambda: NETWORK)


class OtherWindows(LiteClassifier):
    """A release with another hop."""

    def __init__(self) -> None:
        super().__init__(open_release("baseline"))
        self.manifest = msgspec.structs.replace(NETWORK.manifest, hop_us=2_000_000, release="other")


def test_new_release_with_another_hop_takes_over_between_calls():
    times, axes = walked(20)
    networks = [NETWORK]
    device = DeviceStream("phone", "s1", lambda: networks[-1])
    predictions = device.add(times[:1_000], axes[:1_000])
    networks.append(OtherWindows())
    predictions += device.add(times[1_000:], axes[1_000:])
    releases = [prediction.release for prediction in predictions]
    assert releases == sorted(releases)
    assert {NETWORK.manifest.release, "other"} == set(releases)
    starts = [prediction.start for prediction in predictions if prediction.release == "other"]
    assert all(start % WindowSpec(hop_us=2_000_000).hop_us == 0 for start in starts)


def test_a_personal_head_corrects_the_predictions_of_its_release():
    manifest = NETWORK.manifest
    # Whatever the network says, it is the first class; the mean of the random readings points along z.
    certain = head_of("phone", manifest.release, offsets=[500.0] + [0.0] * (len(manifest.outputs) - 1))
    times, axes = walked(8)
    plain = stream().add(times, axes)
    device = DeviceStream("phone", "s1", lambda: NETWORK, {manifest.release: certain}.get)
    corrected = device.add(times, axes)
    assert {each.personal for each in plain} == {None}
    assert {each.personal for each in corrected} == {1}
    assert {max(each.probabilities, key=lambda name: each.probabilities[name]) for each in corrected} == {
        manifest.classes[0]
    }
    of_another = DeviceStream("phone", "s1", lambda: NETWORK, {"another": certain}.get).add(times, axes)
    assert [each.probabilities for each in of_another] == [each.probabilities for each in plain]


def test_windows_of_a_slow_phone_are_unknown_with_a_reason():
    times, axes = walked(20)
    whole, slow = stream().add(times, axes), stream().add(times[::10], axes[::10])
    assert {prediction.reason for prediction in whole} == {None}
    assert {(prediction.activity, prediction.reason) for prediction in slow} == {("unknown", "sparse")}
    assert {prediction.start for prediction in slow} <= {prediction.start for prediction in whole}
