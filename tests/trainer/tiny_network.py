"""Networks of two dense layers, which are built, fitted and frozen in a second.

They are for tests of the code around a network. Other tests cover the networks of `trainer.fitting.networks`.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow emits warnings during import
    from tensorflow import pad
    from tf_keras import Model, initializers, layers

    from trainer.fitting import fixed_features, networks

NAME = "tiny"
#: The network whose weights cannot be rounded to eight bits.
UNROUNDABLE = "unroundable"
_UNITS = 64


def tiny(steps: int, classes: int) -> Any:
    """Build the network, which classifies by sway. Its checkpoints exceed the 300 kB of the full-disk test."""
    windows = layers.Input((steps, 3), name="windows")
    flow = layers.Flatten()(layers.Activation("relu")(fixed_features.detail(windows)))
    # As in the default network: its averages are variables, too, which are no trained weights.
    flow = layers.BatchNormalization(momentum=0.5, center=False, scale=False)(flow)
    flow = layers.Dense(_UNITS, activation="relu")(flow)
    # Zero initial weights make training effective from the first step.
    probabilities = layers.Dense(classes, activation="softmax", kernel_initializer="zeros", name="probabilities")(flow)
    return Model(windows, probabilities, name=NAME)


def unroundable(steps: int, classes: int) -> Any:
    """Build a network that eight bits destroy: each unit has a huge weight for an input that is always zero.

    The others, which decide, are rounded to multiples of a hundredth of it, which is 0 for all of them.
    """

    def weights(shape: Any, dtype: Any = None) -> Any:
        drawn = initializers.GlorotUniform(0)(shape, dtype).numpy()
        drawn[-1] = 1e4
        return drawn

    windows = layers.Input((steps, 3), name="windows")
    flow = layers.Flatten()(layers.Activation("relu")(fixed_features.detail(windows)))
    flow = layers.Lambda(lambda values: pad(values, [[0, 0], [0, 1]]))(flow)
    flow = layers.Dense(_UNITS, activation="relu", kernel_initializer=weights)(flow)
    probabilities = layers.Dense(classes, activation="softmax", kernel_initializer="zeros", name="probabilities")(flow)
    return Model(windows, probabilities, name=UNROUNDABLE)


@contextmanager
def known() -> Iterator[None]:
    """Register the networks for all commands of this process."""
    networks.NETWORKS |= {NAME: tiny, UNROUNDABLE: unroundable}
    try:
        yield
    finally:
        del networks.NETWORKS[NAME], networks.NETWORKS[UNROUNDABLE]
