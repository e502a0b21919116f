"""The class of a window, from the labels of the readings in it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from har.recordings import Recording, window_labels
from har.windows import WindowSpec

#: What :func:`label_windows` answers for a window that shows none of the classes.
UNLABELLED = -1


def label_windows(
    recording: Recording, starts: NDArray[np.int64], spec: WindowSpec, classes: Sequence[str]
) -> NDArray[np.int64]:
    """Say which class each window of a recording shows, by the same rule as `har evaluate`.

    Parameters
    ----------
    recording : Recording
        With a label at each reading.
    starts : ndarray of int64, shape (n,)
        Starts of the windows, µs.
    spec : WindowSpec
        Says how long a window is.
    classes : sequence of str
        The labels that count, in the order of the network's outputs.

    Returns
    -------
    ndarray of int64, shape (n,)
        Index into `classes` if all readings of the window have that label; `UNLABELLED` for transitions, other
        activities, and windows without a reading.
    """
    numbers = {name: number for number, name in enumerate(classes)}
    return np.array(
        [numbers.get(label or "", UNLABELLED) for label in window_labels(recording, starts, spec)], np.int64
    )
