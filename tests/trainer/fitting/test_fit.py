"""Fitting a network on one machine, and its building blocks."""

import gc
import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.trainer import tiny_network
from tests.trainer.made_examples import made_examples

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # importing TensorFlow and tf2onnx raises warnings about their internals
    from trainer.fitting import fixed_features, networks
    from trainer.fitting.examples import Examples
    from trainer.fitting.finite_loss import NonFiniteLossError
    from trainer.fitting.fit import EpochProgress, epoch_arrays, fit
    from trainer.fitting.fit_settings import FitSettings
    from trainer.fitting.rotations import random_rotations, rotate
    from trainer.fitting.sampling import balanced_probabilities
    from trainer.request import GRAVITY
    from trainer.splits import ReservedTestUserError

# tf2onnx and tf-keras call what numpy and protobuf have deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")

CLASSES = ("sit", "walk")
TINY = tiny_network.NAME


@pytest.fixture(autouse=True)
def _tiny_network_known() -> Iterator[None]:
    with tiny_network.known():
        yield


def quietly(_progress: object) -> None:
    pass


def synthetic_examples(people: list[str]) -> Examples:
    rng = np.random.default_rng(3)
    count = 64
    values = rng.normal(0, 1, (count, 69, 3)).astype(np.float32)
    return made_examples([people[n % len(people)] for n in range(count)], [n % 2 for n in range(count)], values)


def fitted(people: list[str], seed: int = 0) -> Any:
    settings = FitSettings(epochs=1, windows_per_epoch=64, batch=16, seed=seed, threads=1)
    return fit(
        TINY,
        synthetic_examples(people),
        CLASSES,
        steps=40,
        normalisation=GRAVITY,
        settings=settings,
        progress=quietly,
    )


def test_fit_rejects_reserved_test_users() -> None:
    with pytest.raises(ReservedTestUserError, match="galaxy_s8/u06"):
        fitted(["galaxy_s2/u01", "galaxy_s8/u06"])


def test_seed_determines_the_weights() -> None:
    one, again = (fitted(["galaxy_s2/u01"], seed=1).get_weights() for _ in range(2))
    for first, second in zip(one, again, strict=True):
        np.testing.assert_array_equal(first, second)


def test_averaging_does_not_affect_the_trained_weights() -> None:
    def losses(average: float) -> list[float]:
        reported: list[EpochProgress] = []
        settings = FitSettings(epochs=3, windows_per_epoch=64, batch=16, average=average, threads=1)
        examples = synthetic_examples(["galaxy_s2/u01"])
        fit(
            TINY,
            examples,
            CLASSES,
            steps=40,
            normalisation=GRAVITY,
            settings=settings,
            progress=reported.append,
        )
        return [progress.loss for progress in reported]

    assert losses(0.5) == losses(0.99)


def test_non_finite_loss_stops_training() -> None:
    examples = synthetic_examples(["galaxy_s2/u01"])
    examples.values[:] = np.nan
    with pytest.raises(NonFiniteLossError, match="epoch 1, step 1"):
        fit(
            "origin",
            examples,
            CLASSES,
            steps=40,
            normalisation=GRAVITY,
            settings=FitSettings(epochs=1, windows_per_epoch=64, batch=16, threads=1),
            progress=quietly,
        )


def test_learning_rate_decays_over_the_actual_number_of_steps() -> None:
    settings = FitSettings(epochs=32, windows_per_epoch=40, batch=64, threads=1)  # not even one whole batch
    examples = synthetic_examples(["galaxy_s2/u01"])
    model = fit(TINY, examples, CLASSES, steps=40, normalisation=GRAVITY, settings=settings, progress=quietly)
    assert int(model.optimizer.iterations) == 32
    assert 0.01 * settings.peak_rate < float(model.optimizer.learning_rate) < 0.03 * settings.peak_rate


def test_each_seed_and_epoch_has_its_own_draws() -> None:
    examples = synthetic_examples(["galaxy_s2/u01"])

    def drawn(seed: int, epoch: int) -> bytes:
        windows, labels = epoch_arrays(
            examples,
            balanced_probabilities(examples),
            CLASSES,
            steps=40,
            normalisation=GRAVITY,
            settings=FitSettings(windows_per_epoch=32, seed=seed),
            epoch=epoch,
        )
        assert windows.shape == (32, 40, 3)
        return windows.tobytes() + labels.tobytes()

    assert drawn(0, 1) == drawn(0, 1)
    assert len({drawn(0, 1), drawn(0, 2), drawn(1, 1), drawn(1, 2)}) == 4


def test_the_origin_network_has_66_thousand_weights() -> None:
    assert 66_000 <= networks.build("origin", steps=200, classes=5).count_params() <= 67_000


def test_movement_powers_detect_sway_at_any_orientation() -> None:
    rng = np.random.default_rng(0)
    seconds = np.arange(200) / 50
    gravity = np.float32([6.0, -5.0, 5.9])
    noise = rng.normal(0, 0.02, (2, 200, 3))
    sway = 0.05 * np.sin(2 * np.pi * 0.25 * seconds)[:, None] * np.array([1, 0, 0])
    still, standing = gravity + noise[0], gravity + noise[1] + sway
    windows = np.stack([still, standing]).astype(np.float32) / 9.80665
    powers = np.asarray(fixed_features.movement_powers(windows))
    assert powers.shape == (2, 2 * len(fixed_features.POWER_BLOCKS))
    rise = powers[1] - powers[0]
    assert rise[-2] > 0.3  # blocks of 1 s: sway is far above the noise left in them
    assert abs(rise[0]) < rise[-2] / 2  # blocks of 0.04 s: mostly noise
    turned = rotate(windows, random_rotations(2, rng))
    np.testing.assert_allclose(np.asarray(fixed_features.movement_powers(turned)), powers, atol=0.01)


def test_unknown_network_is_rejected_with_the_known_names() -> None:
    with pytest.raises(networks.UnknownNetworkError, match="conv_features, conv_lstm, origin"):
        networks.build("transformer", steps=200, classes=5)


def test_the_training_windows_are_freed_after_training() -> None:
    examples = synthetic_examples(["galaxy_s2/u01"])
    settings = FitSettings(epochs=1, windows_per_epoch=64, batch=16, threads=1)
    model = fit(TINY, examples, CLASSES, steps=40, normalisation=GRAVITY, settings=settings, progress=quietly)
    kept = weakref.ref(examples)
    del examples
    gc.collect()
    assert kept() is None
    assert model is not None
