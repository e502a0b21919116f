"""A network of two dense layers, which is built, fitted and frozen in a second.

For tests of what is around a network. What the networks of `trainer.fitting.networks` learn and how they freeze has
tests of its own.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow warns of its own insides while it is imported
    from tf_keras import Model, layers

    from trainer.fitting import networks

NAME = "tiny"
_UNITS = 64


def tiny(steps: int, classes: int) -> Any:
    """Build the network: of how much the signal sways. Its checkpoints have more than the 300 kB of a small disk."""
    windows = layers.Input((steps, 3), name="windows")
    flow = layers.Flatten()(layers.Activation("relu")(networks.detail(windows)))
    flow = layers.Dense(_UNITS, activation="relu")(flow)
    # From zero, the few steps of a test count from the first on.
    answer = layers.Dense(classes, activation="softmax", kernel_initializer="zeros", name="probabilities")(flow)
    return Model(windows, answer, name=NAME)


@contextmanager
def known() -> Iterator[None]:
    """Let every command of this process know the network."""
    networks.NETWORKS[NAME] = tiny
    try:
        yield
    finally:
        del networks.NETWORKS[NAME]
