"""Labelled windows of several people, ready to train on or to evaluate with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from har.recordings import Recording
from har.windows import WindowSpec, recording_windows
from trainer.fitting.labelling import UNLABELLED, label_windows


class Drawable(Protocol):
    """Windows that some can be drawn from: `Examples`, or what cuts them when they are drawn."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """Index of each window's class."""

    @property
    def people(self) -> NDArray[np.str_]:
        """``device/user`` of each window."""

    def __len__(self) -> int:
        """Return the number of windows."""

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> "Examples":
        """Return some windows."""


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
    models : ndarray of str, shape (n,)
        The model of the phone.
    sessions : ndarray of str, shape (n,)
        The person's session.
    starts : ndarray of int64, shape (n,)
        Event time of each window's first value, µs on its session's own axis.
    """

    values: NDArray[np.float32]
    labels: NDArray[np.int64]
    people: NDArray[np.str_]
    models: NDArray[np.str_]
    sessions: NDArray[np.str_]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.labels)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Self:
        """Return some windows only: those whose numbers, or whose places in a mask, are given."""
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))

    def of(self, people: Iterable[str]) -> Self:
        """Return the windows of some people only."""
        return self.take(np.isin(self.people, sorted(people)))


def join_examples(parts: Sequence[Examples]) -> Examples:
    """Join windows of the same length, in order; there must be at least one part."""
    return Examples(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Examples)))


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
    parts = [_no_examples(spec.steps)]
    for recording in recordings:
        windows = recording_windows(recording.times, recording.axes, spec)
        found = label_windows(recording, windows.starts, spec, classes)
        kept = found != UNLABELLED
        count = int(kept.sum())
        parts.append(
            Examples(
                windows.values[kept],
                found[kept],
                np.full(count, recording.person),
                np.full(count, recording.model),
                np.full(count, recording.session),
                windows.starts[kept],
            )
        )
    return join_examples(parts)


def _no_examples(steps: int) -> Examples:
    numbers, names = np.empty(0, np.int64), np.empty(0, np.str_)
    return Examples(np.empty((0, steps, 3), np.float32), numbers, names, names, names, numbers)
