"""Split recordings in time, for training with too few people to hold any out."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from har.recordings import Recording
from trainer.preparation.plan import TRAIN, VALIDATION


def split_in_time(recording: Recording, held_out_share: float) -> Iterator[tuple[str, Recording]]:
    """Split each run of a label: its beginning is trained on, its end validates.

    The parts share no reading, and windows are cut from each part separately, so no training window overlaps a
    validation window. A random split of overlapping windows would validate on training data.

    Parameters
    ----------
    recording : Recording
        Readings of one session.
    held_out_share : float
        Share of each run's time that validates. With 0, all of it is trained on.

    Yields
    ------
    tuple of str and Recording
        Name of the split, and a part of the recording.
    """
    order = np.argsort(recording.times, kind="stable")
    times, labels = recording.times[order], recording.labels[order]
    if not len(times):
        return
    begins = [0, *(np.flatnonzero(labels[1:] != labels[:-1]) + 1).tolist(), len(times)]
    for begin, end in itertools.pairwise(begins):
        cut_at = times[begin] + (times[end - 1] - times[begin]) * (1.0 - held_out_share)
        border = begin + int(np.searchsorted(times[begin:end], cut_at, side="right")) if held_out_share else end
        for split, rows in ((TRAIN, order[begin:border]), (VALIDATION, order[border:end])):
            if len(rows):
                yield split, _part(recording, rows)


def _part(recording: Recording, rows: NDArray[np.intp]) -> Recording:
    return replace(recording, times=recording.times[rows], axes=recording.axes[rows], labels=recording.labels[rows])
