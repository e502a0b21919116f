"""Determine the class of each window from the ground truth of its readings."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from har.recordings import Recording, window_labels
from har.windowing import WindowSpec

#: Value of :func:`label_windows` for a window without a class.
UNLABELLED = -1


def label_windows(
    recording: Recording, starts: NDArray[np.int64], spec: WindowSpec, classes: Sequence[str]
) -> NDArray[np.int64]:
    """Return the class of each window of a recording, by the same rule as `har evaluate`.

    Parameters
    ----------
    recording : Recording
        A recording with a ground truth for each reading.
    starts : ndarray of int64, shape (n,)
        Starts of the windows, µs.
    spec : WindowSpec
        Specification of the windows.
    classes : sequence of str
        The classes, in the order of the network's outputs.

    Returns
    -------
    ndarray of int64, shape (n,)
        Index into `classes` if all readings of the window have that ground truth. `UNLABELLED` for transitions, other
        activities, and windows without a reading.
    """
    numbers = {name: number for number, name in enumerate(classes)}
    return np.array(
        [numbers.get(label or "", UNLABELLED) for label in window_labels(recording, starts, spec)], np.int64
    )
