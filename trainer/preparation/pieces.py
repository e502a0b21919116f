"""Pieces: runs of consecutive windows of one session with one label, stored as the signal that they are slices of."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from har.grid import GridStretch, grid_window_offsets, grid_window_qualities, recording_grid
from har.recordings import Recording, window_labels
from har.signal_quality import SignalBounds
from har.windowing import WindowSpec
from trainer.fitting.examples import Examples

#: Most windows of a piece. Small pieces can be distributed evenly over shards.
LONGEST_PIECE = 40


@dataclass(frozen=True, eq=False)
class Piece:
    """Consecutive windows of one label, one hop apart.

    Attributes
    ----------
    person, model, session : str
        The person (``device/user``), the model of the phone, and the session.
    label : str
        Ground truth of all its windows.
    first : int
        Event time of the first window's first value, µs on the session's time axis.
    grid : ndarray of float32, shape (steps + (windows - 1) * hop, 3)
        The resampled signal, m/s².
    windows : int
        Number of windows.
    reason : str
        Why the readings of these windows tell too little (`har.signal_quality.Reason`); ``""`` if they do not. Such a
        piece only counts windows that nobody trains or validates with, and its grid is empty.
    """

    person: str
    model: str
    session: str
    label: str
    first: int
    grid: NDArray[np.float32]
    windows: int
    reason: str = ""


def cut_pieces(
    recording: Recording,
    spec: WindowSpec,
    labels: Collection[str] | None = None,
    bounds: SignalBounds | None = None,
) -> Iterator[Piece]:
    """Cut a recording into pieces.

    Parameters
    ----------
    recording : Recording
        Readings of one session, in any order.
    spec : WindowSpec
        Specification of the windows.
    labels : collection of str, optional
        Labels to keep; all if not given. Windows with more than one label are never kept.
    bounds : SignalBounds, optional
        Windows whose readings are outside of them are only counted; the default bounds if not given.

    Yields
    ------
    Piece
        Pieces that together hold each kept window of `har.windowing.recording_windows` exactly once, bit for bit; and
        one piece with a `reason` for each label and reason of the windows that are only counted.
    """
    stretches = recording_grid(recording.times, recording.axes, spec)
    offsets = [grid_window_offsets(stretch, spec) for stretch in stretches]
    if not stretches:
        return
    starts = [stretch.first + steps * spec.period_us for stretch, steps in zip(stretches, offsets, strict=True)]
    all_labels = iter(window_labels(recording, np.concatenate(starts), spec))
    bounds = bounds or SignalBounds()
    counted: Counter[tuple[str, str]] = Counter()
    for stretch, steps in zip(stretches, offsets, strict=True):
        of_stretch = [next(all_labels) for _ in range(len(steps))]
        for place, quality in enumerate(grid_window_qualities(stretch, steps, spec)):
            label, reason = of_stretch[place], bounds.reason(quality)
            if label is None or (labels is not None and label not in labels):
                of_stretch[place] = None
            elif reason is not None:
                of_stretch[place] = None
                counted[label, reason] += 1
        for begin, end in _runs(of_stretch):
            label = of_stretch[begin]
            if label is not None:
                yield _piece(recording, label, stretch, steps[begin:end], spec)
    for (label, why), windows in sorted(counted.items()):
        nothing = np.empty((0, 3), np.float32)
        yield Piece(recording.person, recording.model, recording.session, label, 0, nothing, windows, why)


def _runs(labels: Sequence[str | None]) -> Iterator[tuple[int, int]]:
    begin = 0
    for place in range(1, len(labels) + 1):
        if place == len(labels) or labels[place] != labels[begin] or place - begin == LONGEST_PIECE:
            yield begin, place
            begin = place


def _piece(
    recording: Recording, label: str, stretch: GridStretch, offsets: NDArray[np.int64], spec: WindowSpec
) -> Piece:
    begin, end = int(offsets[0]), int(offsets[-1]) + spec.steps
    return Piece(
        person=recording.person,
        model=recording.model,
        session=recording.session,
        label=label,
        first=stretch.first + begin * spec.period_us,
        grid=stretch.values[begin:end],
        windows=len(offsets),
    )


@dataclass(frozen=True, eq=False)
class PieceWindows:
    """The windows of pieces, cut only when they are selected.

    It replaces `Examples` wherever windows are drawn, and needs about as much memory as the recordings.

    Attributes
    ----------
    labels : ndarray of int64, shape (n,)
        Index of each window's class.
    people, models, sessions : ndarray of str, shape (n,)
        As in `Examples`.
    starts : ndarray of int64, shape (n,)
        Event time of each window's first value, µs on the time axis of its session.
    """

    labels: NDArray[np.int64]
    people: NDArray[np.str_]
    models: NDArray[np.str_]
    sessions: NDArray[np.str_]
    starts: NDArray[np.int64]
    _grid: NDArray[np.float32] = field(repr=False)
    _offsets: NDArray[np.int64] = field(repr=False)
    _steps: int = field(repr=False)

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.labels)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Examples:
        """Cut the windows that indices or a mask select."""
        values = self._grid[self._offsets[rows][:, None] + np.arange(self._steps)]
        return Examples(
            values, self.labels[rows], self.people[rows], self.models[rows], self.sessions[rows], self.starts[rows]
        )

    def all(self) -> Examples:
        """Cut all windows."""
        return self.take(np.arange(len(self)))


def windows_of(pieces: Iterable[Piece], spec: WindowSpec, classes: Sequence[str]) -> PieceWindows:
    """Join pieces. Pieces whose label is not among the classes, and those that only count windows, are left out.

    Parameters
    ----------
    pieces : iterable of Piece
        Pieces that were cut with `spec`.
    spec : WindowSpec
        Specification of the windows.
    classes : sequence of str
        The classes, in the order of the network's outputs.
    """
    numbers = {name: number for number, name in enumerate(classes)}
    kept = [piece for piece in pieces if piece.label in numbers and not piece.reason]
    hop = spec.hop_us // spec.period_us
    counts = np.array([piece.windows for piece in kept], np.int64)
    sizes = np.array([len(piece.grid) for piece in kept], np.int64)
    within = np.concatenate([np.arange(count) for count in counts]) if kept else np.empty(0, np.int64)
    begins = np.repeat(np.cumsum(sizes) - sizes, counts)
    firsts = np.repeat(np.array([piece.first for piece in kept], np.int64), counts)
    return PieceWindows(
        labels=np.repeat(np.array([numbers[piece.label] for piece in kept], np.int64), counts),
        people=np.repeat(np.array([piece.person for piece in kept], np.str_), counts),
        models=np.repeat(np.array([piece.model for piece in kept], np.str_), counts),
        sessions=np.repeat(np.array([piece.session for piece in kept], np.str_), counts),
        starts=firsts + within * spec.hop_us,
        _grid=np.concatenate([piece.grid for piece in kept]) if kept else np.empty((0, 3), np.float32),
        _offsets=begins + within * hop,
        _steps=spec.steps,
    )
