"""From draws, an epoch's windows at a time, to the batches that tf-keras trains on."""

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
    """Return the batches of some epochs as a `tf.data.Dataset`.

    Parameters
    ----------
    draw : callable
        From an epoch's number to its windows and targets.
    batch : int
        Windows of each batch; what is left over of an epoch is not used.
    steps, classes : int
        Length of a window, and of a target.
    epochs, first : int
        The last epoch, and the first, from 1.
    """

    def generate() -> Iterator[EpochArrays]:
        for epoch in range(first, epochs + 1):
            windows, targets = draw(epoch)
            for begin in range(0, len(windows) - batch + 1, batch):
                yield windows[begin : begin + batch], targets[begin : begin + batch]
        yield from repeat((windows[:batch], targets[:batch]))  # nobody trains on these

    shapes = (batch, steps, 3), (batch, classes)
    signature = tuple(tf.TensorSpec(shape, tf.float32) for shape in shapes)
    data = tf.data.Dataset.from_generator(generate, output_signature=signature)
    # Of data that may end, synchronous workers ask each other before every step whether all have some left.
    return data.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)).prefetch(4)
