"""Labelled windows of several people, for training and evaluation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from har.recordings import Recording
from har.signal_quality import SignalBounds
from har.windowing import WindowSpec, recording_windows
from trainer.fitting.labelling import UNLABELLED, label_windows


class Drawable(Protocol):
    """A collection of windows to draw from: `Examples`, or pieces whose windows are cut when they are drawn."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """Index of each window's class."""

    @property
    def people(self) -> NDArray[np.str_]:
        """``device/user`` of each window."""

    def __len__(self) -> int:
        """Return the number of windows."""

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> "Examples":
        """Return the selected windows."""


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
        Model of each window's phone.
    sessions : ndarray of str, shape (n,)
        Session of each window.
    starts : ndarray of int64, shape (n,)
        Event time of each window's first value, µs on the time axis of its session.
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
        """Return the windows that indices or a mask select."""
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))

    def of(self, people: Iterable[str]) -> Self:
        """Return the windows of these people."""
        return self.take(np.isin(self.people, sorted(people)))


def join_examples(parts: Sequence[Examples]) -> Examples:
    """Concatenate examples with windows of the same length. There must be at least one part."""
    return Examples(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Examples)))


def make_examples(
    recordings: Iterable[Recording], spec: WindowSpec, classes: Sequence[str], bounds: SignalBounds | None = None
) -> Examples:
    """Cut recordings into windows and keep those with a label among the classes; there may be none.

    Windows whose readings tell too little (`har.signal_quality`) are left out: the release does not classify them.

    Parameters
    ----------
    recordings : iterable of Recording
        The recordings.
    spec : WindowSpec
        Specification of the windows.
    classes : sequence of str
        The classes, in the order of the network's outputs.
    bounds : SignalBounds, optional
        The least quality of the readings under a window; by default that of `SignalBounds`.
    """
    bounds = bounds or SignalBounds()
    parts = [_no_examples(spec.steps)]
    for recording in recordings:
        windows = recording_windows(recording.times, recording.axes, spec)
        labels = label_windows(recording, windows.starts, spec, classes)
        readable = [reason is None for reason in windows.reasons(bounds)]
        kept = (labels != UNLABELLED) & np.array(readable, np.bool_)
        count = int(kept.sum())
        parts.append(
            Examples(
                windows.values[kept],
                labels[kept],
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
