"""Split recordings in time, for training with too few people to hold any out."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from har.recordings import Recording
from har.resampling import Times
from trainer.preparation.plan import TRAIN, VALIDATION


def split_in_time(recording: Recording, held_out_share: float, shortest_us: int = 0) -> Iterator[tuple[str, Recording]]:
    """Split the runs of each label: their beginning is trained on, their end validates.

    If the runs of a label are so short that no end of them holds a window, the end of all of them together validates:
    the last runs. Three runs of 15 s then validate with the last 9 s, instead of with three times 3 s, in which there
    is no window of 4 s.

    The parts share no reading, and windows are cut from each part separately, so no training window overlaps a
    validation window. A random split of overlapping windows would validate on training data.

    Parameters
    ----------
    recording : Recording
        Readings of one session.
    held_out_share : float
        Share of each label's time that validates. With 0, all of it is trained on.
    shortest_us : int
        How long an end must be to hold a window, µs.

    Yields
    ------
    tuple of str and Recording
        Name of the split, and a part of the recording.
    """
    order = np.argsort(recording.times, kind="stable")
    times, labels = recording.times[order], recording.labels[order]
    if not len(times):
        return
    changes = [0, *(np.flatnonzero(labels[1:] != labels[:-1]) + 1).tolist(), len(times)]
    runs = list(itertools.pairwise(changes))
    durations = [int(times[end - 1] - times[begin]) for begin, end in runs]
    ends = [duration * held_out_share for duration in durations]
    for label in np.unique(labels):
        of_label = [number for number, (begin, _) in enumerate(runs) if labels[begin] == label]
        if all(ends[number] < shortest_us for number in of_label):
            left = sum(ends[number] for number in of_label)
            for number in reversed(of_label):
                ends[number] = min(left, durations[number])
                left -= ends[number]
    for (begin, end), held_out in zip(runs, ends, strict=True):
        border = _border(times[begin:end], held_out) + begin if held_out_share else end
        for split, rows in ((TRAIN, order[begin:border]), (VALIDATION, order[border:end])):
            if len(rows):
                yield split, _part(recording, rows)


def _border(times: Times, held_out: float) -> int:
    """Return how many readings of a run come before its end of a duration, µs."""
    if 0 < held_out >= times[-1] - times[0]:
        return 0
    return int(np.searchsorted(times, times[-1] - held_out, side="right"))


def _part(recording: Recording, rows: NDArray[np.intp]) -> Recording:
    return replace(recording, times=recording.times[rows], axes=recording.axes[rows], labels=recording.labels[rows])
