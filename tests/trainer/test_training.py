"""From recordings to a release folder that its consumers accept, on tiny synthetic signals."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from har.releases import ReleaseManifest, decode_manifest
from har.windows import WindowSpec
from model_store.onnx_classifier import OnnxClassifier
from tests.trainer.made_examples import made_examples

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow and tf2onnx warn of their own insides while they are imported
    from trainer import freezing, networks
    from trainer.augmentation import random_rotations, rotate
    from trainer.baseline import TrainingDataError, TrainingPlan, train_release
    from trainer.examples import Examples
    from trainer.sampling import balanced_probabilities
    from trainer.splits import StandingTestUserError
    from trainer.training import EpochProgress, FitSettings, epoch_arrays, fit

Release = tuple[Path, ReleaseManifest, list[EpochProgress]]

# tf2onnx and tf-keras call what numpy and protobuf have deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")

SMALL = WindowSpec(steps=40)
QUICK = FitSettings(epochs=4, windows_per_epoch=256, batch=16, peak_rate=5e-3, average=0.8, threads=1)
PLAN = TrainingPlan(classes=("sit", "walk"), windows=SMALL, fit=QUICK)
SECONDS = 20


def quietly(_progress: object) -> None:
    pass


def signal(activity: str, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Twenty seconds at 50 Hz that a network can tell apart with ease."""
    times = np.arange(SECONDS * 50) / 50
    axes = rng.normal(0, 0.05, (len(times), 3)) + np.array([9.8, 0.0, 0.0])
    if activity == "walk":
        axes[:, 0] += 3 * np.sin(2 * np.pi * 2 * times + rng.uniform(0, 6))
    return times, axes


def write_table(path: Path, people: list[str], seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    parts = []
    for person in people:
        device, user = person.split("/")
        for activity in ("sit", "walk"):
            times, axes = signal(activity, rng)
            count = len(times)
            parts.append(
                pa.table(
                    {
                        "user": [user] * count,
                        "device": [device] * count,
                        "model": ["Phone"] * count,
                        "session": [f"e-{activity}"] * count,
                        "t": times,
                        **{name: axes[:, n].astype(np.float32) for n, name in enumerate("xyz")},
                        "gt": [activity] * count,
                    }
                )
            )
    pq.write_table(pa.concat_tables(parts), path)
    return path


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder = tmp_path_factory.mktemp("release")
    people = ["galaxy_s2/u01", "galaxy_s2/u21", "galaxy_s8/u06", "galaxy_s8/u01", "home_made/anna"]
    table = write_table(folder / "data.parquet", people)
    plan = TrainingPlan(classes=PLAN.classes, windows=SMALL, fit=QUICK, folds=2)
    seen = []
    output = folder / "tiny"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        manifest = train_release(
            data=[table], output=output, plan=plan, release="tiny", standing_test=True, progress=seen.append
        )
    return output, manifest, seen


def test_the_release_opens_answers_its_golden_window_and_knows_new_people(release: Release) -> None:
    output, manifest, _ = release
    classifier = OnnxClassifier.open(str(output))
    assert classifier.manifest == manifest
    assert classifier.manifest.window_spec == SMALL
    rng = np.random.default_rng(99)
    for index, activity in enumerate(PLAN.classes):
        _, axes = signal(activity, rng)
        windows = axes[: 20 * 40].reshape(20, 40, 3).astype(np.float32)
        answers = classifier.probabilities(windows)
        np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)
        assert (answers.argmax(axis=1) == index).mean() > 0.9


def test_the_manifest_says_who_was_trained_on_and_how_it_did(release: Release) -> None:
    output, manifest, _ = release
    assert manifest.training_users == ["galaxy_s2/u01", "galaxy_s8/u01", "home_made/anna"]
    assert set(manifest.metrics) == {
        "cross-validation in 2 folds, home_made",
        "cross-validation in 2 folds, pocket",
        "cross-validation in 2 folds, waist",
        "standing test users, pocket",
        "standing test users, waist",
    }
    assert manifest.metrics["standing test users, waist"].macro_f1 > 0.9
    assert "commercial" in manifest.weights_licence
    assert decode_manifest((output / "manifest.json").read_bytes()) == manifest


def test_the_model_card_holds_the_measured_results(release: Release) -> None:
    output, manifest, _ = release
    card = (output / "MODEL_CARD.md").read_text("utf-8")
    assert "$" not in card
    for name in (*manifest.training_users, *PLAN.classes):
        assert name in card
    for found in manifest.metrics.values():
        assert f"{found.macro_f1:.3f}" in card


def test_progress_is_told_after_each_epoch_of_each_fit(release: Release) -> None:
    _, _, seen = release
    assert [progress.epoch for progress in seen] == [1, 2, 3, 4] * 3  # two folds, then the release itself
    assert all(progress.epochs == 4 for progress in seen)


def test_a_folder_in_use_is_kept_unless_it_may_be_replaced(release: Release, tmp_path: Path) -> None:
    output, _, _ = release
    with pytest.raises(TrainingDataError, match="exists already"):
        train_release(data=[output.parent / "data.parquet"], output=output, plan=PLAN, progress=quietly)
    assert (output / "manifest.json").exists()


def test_only_standing_test_users_leave_nothing_to_train_on(tmp_path: Path) -> None:
    table = write_table(tmp_path / "data.parquet", ["galaxy_s2/u21"])
    with pytest.raises(TrainingDataError, match="no window"):
        train_release(data=[table], output=tmp_path / "out", plan=PLAN, progress=quietly)


def synthetic_examples(people: list[str]) -> Examples:
    rng = np.random.default_rng(3)
    count = 64
    values = rng.normal(0, 1, (count, 69, 3)).astype(np.float32)
    return made_examples([people[n % len(people)] for n in range(count)], [n % 2 for n in range(count)], values)


def fitted(people: list[str], seed: int = 0) -> Any:
    settings = FitSettings(epochs=1, windows_per_epoch=64, batch=16, seed=seed, threads=1)
    return fit(
        "origin",
        synthetic_examples(people),
        ("sit", "walk"),
        steps=40,
        normalisation=PLAN.normalisation,
        settings=settings,
        progress=quietly,
    )


def test_fit_refuses_standing_test_users() -> None:
    with pytest.raises(StandingTestUserError, match="galaxy_s8/u06"):
        fitted(["galaxy_s2/u01", "galaxy_s8/u06"])


def test_the_seed_fixes_the_weights() -> None:
    one, again = (fitted(["galaxy_s2/u01"], seed=1).get_weights() for _ in range(2))
    for first, second in zip(one, again, strict=True):
        np.testing.assert_array_equal(first, second)


def test_each_seed_and_epoch_draws_windows_of_its_own() -> None:
    examples = synthetic_examples(["galaxy_s2/u01"])

    def drawn(seed: int, epoch: int) -> bytes:
        windows, labels = epoch_arrays(
            examples,
            balanced_probabilities(examples),
            PLAN.classes,
            steps=40,
            normalisation=PLAN.normalisation,
            settings=FitSettings(windows_per_epoch=32, seed=seed),
            epoch=epoch,
        )
        assert windows.shape == (32, 40, 3)
        return windows.tobytes() + labels.tobytes()

    assert drawn(0, 1) == drawn(0, 1)
    assert len({drawn(0, 1), drawn(0, 2), drawn(1, 1), drawn(1, 2)}) == 4


@pytest.mark.parametrize("name", sorted(networks.NETWORKS))
def test_each_network_freezes_to_lstm_nodes_that_agree_with_keras_at_any_batch_size(name: str) -> None:
    model = networks.build(name, steps=200, classes=5)
    frozen = freezing.freeze_onnx(model)
    assert len(frozen) < 1_000_000
    graph = onnx.load_from_string(frozen).graph
    assert sum(node.op_type == "LSTM" for node in graph.node) == 2
    assert [value.name for value in graph.input] == ["windows"]
    assert [value.name for value in graph.output] == ["probabilities"]
    rng = np.random.default_rng(0)
    for count in (1, 7):
        windows = rng.normal(0, 1, (count, 200, 3)).astype(np.float32)
        assert freezing.check_agreement(model, frozen, windows) <= 1e-5


def test_a_frozen_network_that_differs_is_refused() -> None:
    one, other = (networks.build("conv_lstm", steps=40, classes=2) for _ in range(2))
    windows = np.random.default_rng(0).normal(0, 3, (4, 40, 3)).astype(np.float32)
    with pytest.raises(freezing.FreezingError, match="differs"):
        freezing.check_agreement(one, freezing.freeze_onnx(other), windows)


def test_the_origin_network_has_66_thousand_weights() -> None:
    assert 66_000 <= networks.build("origin", steps=200, classes=5).count_params() <= 67_000


def test_movement_powers_tell_sway_from_stillness_however_the_phone_is_turned() -> None:
    rng = np.random.default_rng(0)
    seconds = np.arange(200) / 50
    gravity = np.float32([6.0, -5.0, 5.9])
    noise = rng.normal(0, 0.02, (2, 200, 3))
    sway = 0.05 * np.sin(2 * np.pi * 0.25 * seconds)[:, None] * np.array([1, 0, 0])
    still, standing = gravity + noise[0], gravity + noise[1] + sway
    windows = np.stack([still, standing]).astype(np.float32) / 9.80665
    powers = np.asarray(networks.movement_powers(windows))
    assert powers.shape == (2, 2 * len(networks.POWER_BLOCKS))
    rise = powers[1] - powers[0]
    assert rise[-2] > 0.3  # blocks of 1 s: sway is far above the noise left in them
    assert abs(rise[0]) < rise[-2] / 2  # blocks of 0.04 s: mostly noise
    turned = rotate(windows, random_rotations(2, rng))
    np.testing.assert_allclose(np.asarray(networks.movement_powers(turned)), powers, atol=0.01)


def test_an_unknown_network_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(networks.UnknownNetworkError, match="conv_lstm, origin"):
        networks.build("transformer", steps=200, classes=5)
