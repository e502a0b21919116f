"""The two networks at their real size, frozen once for all tests that need them, on one worker."""

import warnings
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from har.releases import Normalisation

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow and tf2onnx warn of their own insides while they are imported
    import tf_keras

    from trainer import freezing
    from trainer.fitting import networks

#: The marks of tests that use `frozen_network`.
on_frozen_networks = [
    pytest.mark.xdist_group("frozen_networks"),  # each process freezes the networks anew
    # TensorFlow and its converters call what numpy and protobuf have deprecated.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]
STEPS = 200
RATE_HZ = 50
CLASSES = ("sit", "stand", "walk", "stairsup", "stairsdown")
GRAVITY = Normalisation((0.0, 0.0, 0.0), (9.80665, 9.80665, 9.80665))


def made_windows(count: int, steps: int = STEPS, seed: int = 0) -> NDArray[np.float32]:
    """Windows in m/s² of a phone lying somehow and moving more or less, float32 (count, steps, 3)."""
    rng = np.random.default_rng(seed)
    gravity = rng.normal(0, 1, (count, 1, 3))
    gravity *= 9.80665 / np.linalg.norm(gravity, axis=2, keepdims=True)
    seconds = np.arange(steps)[:, None] / RATE_HZ
    strength, frequency = rng.uniform(0, 4, (count, 1, 3)), rng.uniform(0.5, 4, (count, 1, 1))
    movement = strength * np.sin(2 * np.pi * frequency * seconds + rng.uniform(0, 6, (count, 1, 3)))
    return np.asarray(gravity + movement + rng.normal(0, 0.05, (count, steps, 3)), np.float32)


def decided(name: str, *, steps: int = STEPS, classes: int = len(CLASSES)) -> Any:
    """Build a network with random weights that is as confident in its predictions as a trained one."""
    tf_keras.utils.set_random_seed(1)
    model = networks.build(name, steps=steps, classes=classes)
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel * 10, bias])
    return model


@cache
def frozen_network(name: str) -> tuple[Any, freezing.Frozen]:
    """Return a network of `trainer.fitting.networks.NETWORKS` and its frozen forms."""
    model = decided(name)
    frozen = freezing.freeze_all(model, made_windows(300), steps=STEPS, rate_hz=RATE_HZ, normalisation=GRAVITY)
    return model, frozen
