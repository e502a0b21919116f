"""Where the fall is in a recording that is labelled as a fall from its first reading to its last.

Data sets of falls label whole trials: some steps, the fall, and somebody who lies still. Only the readings around the
impact show a fall.
"""

from dataclasses import replace

import numpy as np

from har.activity_names import NULL_LABEL
from har.recordings import Recording
from har.time_units import MICROSECONDS

FALL = "fall"
#: Readings this close to the impact keep the label, µs. Windows of 4 s within them hold the impact.
REACH_US = 4 * MICROSECONDS


def with_falls_only(recording: Recording) -> Recording:
    """Return a recording whose label ``fall`` is kept around each impact only; the other readings become ``null``.

    The impact is the largest magnitude of each uninterrupted stretch of the label.
    """
    is_fall = recording.labels == FALL
    if not is_fall.any():
        return recording
    squares = (recording.axes.astype(np.float64) ** 2).sum(axis=1)
    kept = np.zeros(len(is_fall), np.bool_)
    edges = np.flatnonzero(np.diff(is_fall.astype(np.int8), prepend=0, append=0))
    for begin, end in edges.reshape(-1, 2).tolist():
        impact = recording.times[begin + int(squares[begin:end].argmax())]
        kept[begin:end] = np.abs(recording.times[begin:end] - impact) <= REACH_US
    labels = np.where(is_fall & ~kept, NULL_LABEL, recording.labels)
    return replace(recording, labels=labels)
