"""A person training on themselves: nobody can be held out, so every activity is split in time."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from har.recordings import Recording
from trainer.preparation.plan import TRAIN, VALIDATION


def split_in_time(recording: Recording, held_out_share: float) -> Iterator[tuple[str, Recording]]:
    """Cut a recording so that the end of each run of a label validates, and what comes before is trained on.

    The parts share no reading and windows are cut from each by itself, so no window of one overlaps a window of the
    other: a random split of overlapping windows would test on what it trained on.

    Parameters
    ----------
    recording : Recording
        Readings of one session.
    held_out_share : float
        Share of each run's time that validates; with 0, all is trained on.

    Yields
    ------
    tuple of str and Recording
        The split, and a part of the recording.
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
