"""A network of two dense layers, which is built, fitted and frozen in a second.

It is for tests of the code around a network. Other tests cover the networks of `trainer.fitting.networks`.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow emits warnings during import
    from tf_keras import Model, layers

    from trainer.fitting import networks

NAME = "tiny"
_UNITS = 64


def tiny(steps: int, classes: int) -> Any:
    """Build the network, which classifies by sway. Its checkpoints exceed the 300 kB of the full-disk test."""
    windows = layers.Input((steps, 3), name="windows")
    flow = layers.Flatten()(layers.Activation("relu")(networks.detail(windows)))
    flow = layers.Dense(_UNITS, activation="relu")(flow)
    # Zero initial weights make training effective from the first step.
    probabilities = layers.Dense(classes, activation="softmax", kernel_initializer="zeros", name="probabilities")(flow)
    return Model(windows, probabilities, name=NAME)


@contextmanager
def known() -> Iterator[None]:
    """Register the network for all commands of this process."""
    networks.NETWORKS[NAME] = tiny
    try:
        yield
    finally:
        del networks.NETWORKS[NAME]
