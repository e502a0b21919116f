"""Labelled windows of several people, ready to train on or to evaluate with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from har.recordings import Recording
from har.windows import WindowSpec, recording_windows
from trainer.labelling import UNLABELLED, label_windows


@dataclass(frozen=True)
class Examples:
    """Labelled windows, each with the person it came from.

    Attributes
    ----------
    values : ndarray of float32, shape (n, steps, 3)
        m/s², gravity included, not normalised.
    labels : ndarray of int64, shape (n,)
        Index of each window's class.
    people : ndarray of str, shape (n,)
        ``device/user`` of each window.
    """

    values: NDArray[np.float32]
    labels: NDArray[np.int64]
    people: NDArray[np.str_]

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.labels)

    def of(self, people: Iterable[str]) -> Self:
        """Return the windows of some people only."""
        chosen = np.isin(self.people, sorted(people))
        return type(self)(self.values[chosen], self.labels[chosen], self.people[chosen])


def make_examples(recordings: Iterable[Recording], spec: WindowSpec, classes: Sequence[str]) -> Examples:
    """Cut recordings into windows and keep those that have a label.

    Parameters
    ----------
    recordings : iterable of Recording
        The recordings.
    spec : WindowSpec
        How windows are cut.
    classes : sequence of str
        The labels that count, in the order of the network's outputs.

    Returns
    -------
    Examples of all recordings together; there may be none.
    """
    values: list[NDArray[np.float32]] = [np.empty((0, spec.steps, 3), np.float32)]
    labels: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    people: list[NDArray[np.str_]] = [np.empty(0, np.str_)]
    for recording in recordings:
        windows = recording_windows(recording.times, recording.axes, spec)
        found = label_windows(recording, windows.starts, spec, classes)
        kept = found != UNLABELLED
        values.append(windows.values[kept])
        labels.append(found[kept])
        people.append(np.full(int(kept.sum()), recording.person))
    return Examples(np.concatenate(values), np.concatenate(labels), np.concatenate(people))
