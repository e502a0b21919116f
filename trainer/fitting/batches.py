"""Batches for tf-keras from functions that draw the windows of an epoch."""

import os
from collections.abc import Callable, Iterator
from itertools import repeat

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer.fitting.tensorflow_types import Dataset

#: Windows float32 ``(n, steps, 3)``, normalised, and one-hot targets float32 ``(n, classes)``.
EpochArrays = tuple[NDArray[np.float32], NDArray[np.float32]]


def batches(
    draw: Callable[[int], EpochArrays], *, batch: int, steps: int, classes: int, epochs: int, first: int = 1
) -> Dataset:
    """Return the batches of a range of epochs as a `tf.data.Dataset`.

    Parameters
    ----------
    draw : callable
        Maps the number of an epoch to its windows and targets.
    batch : int
        Windows per batch. The incomplete batch at the end of an epoch is not used.
    steps, classes : int
        Length of a window, and of a target.
    epochs, first : int
        Last and first epoch, from 1.
    """

    def generate() -> Iterator[EpochArrays]:
        for epoch in range(first, epochs + 1):
            windows, targets = draw(epoch)
            for begin in range(0, len(windows) - batch + 1, batch):
                yield windows[begin : begin + batch], targets[begin : begin + batch]
        yield from repeat((windows[:batch], targets[:batch]))  # never trained on; see below

    shapes = (batch, steps, 3), (batch, classes)
    signature = tuple(tf.TensorSpec(shape, tf.float32) for shape in shapes)
    data = tf.data.Dataset.from_generator(generate, output_signature=signature)
    # If a data set can end, synchronous workers agree before every step whether all have data left. So it is endless.
    return data.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)).prefetch(4)
