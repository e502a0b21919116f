"""Cut the windows of a session's batches offline, with `har.windowing.recording_windows`.

Batches are joined into runs of consecutive numbers. No window crosses a missing number, even if the hole is shorter
than a gap, nor two batches whose promises contradict each other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from har.resampling import Times, reach_us
from har.samples import SampleBatch
from har.time_units import MICROSECONDS
from har.windowing import RecordingWindows, WindowSpec, recording_windows

#: Longer runs are cut in pieces of this length, which need little memory and fit the caches, µs.
PIECE_US = 120 * MICROSECONDS


@dataclass(frozen=True)
class Run:
    """Consecutive batches of a session.

    Attributes
    ----------
    batches : list of SampleBatch
        In the order of their numbers.
    follows_hole : bool
        Whether a number is missing between the previous run and this one.
    """

    batches: list[SampleBatch]
    follows_hole: bool

    @property
    def known_from(self) -> int:
        """Time after which no earlier batch has a reading, µs."""
        return self.batches[0].earlier_until

    @property
    def known_until(self) -> int:
        """Time before which no later batch has a reading, µs."""
        return max(batch.later_from for batch in self.batches)

    def readings(self) -> tuple[Times, NDArray[np.float32]]:
        """Return times and axes of the readings after `known_from`, in order of time."""
        times = np.concatenate([batch.times for batch in self.batches])
        axes = np.concatenate([batch.axes for batch in self.batches])
        order = np.argsort(times, kind="stable")
        order = order[times[order] > self.known_from]
        return times[order], axes[order]


def runs(batches: Mapping[int, SampleBatch]) -> Iterator[Run]:
    """Join a session's batches, given by number, into runs."""
    run: Run | None = None
    newest = known_until = previous = 0
    for number in sorted(batches):
        batch = batches[number]
        follows = run is not None and number == previous + 1
        if run is None or not follows or not _joins(batch, newest, known_until):
            if run is not None:
                yield run
            run = Run([], follows_hole=run is not None and not follows)
            newest = known_until = 0
        run.batches.append(batch)
        newest, known_until = max(newest, batch.newest), max(known_until, batch.later_from)
        previous = batch.last_sequence
    if run is not None:
        yield run


def _joins(batch: SampleBatch, newest: int, known_until: int) -> bool:
    return batch.earlier_until >= newest and int(batch.times.min()) >= known_until


def session_windows(
    batches: Mapping[int, SampleBatch], spec: WindowSpec, grace_us: int
) -> Iterator[tuple[RecordingWindows, NDArray[np.bool_]]]:
    """Yield a session's windows, piece by piece, and which of them the stream must have predicted.

    A window is due if all readings in its time are known, by the promises of the first batch of its run about earlier
    batches and of the last one about later batches. A run that follows a hole is due when the grace has passed. The
    other windows are optional: the stream predicts them after a silence or a further batch.

    Parameters
    ----------
    batches : mapping of int to SampleBatch
        By sequence number.
    spec : WindowSpec
        Window parameters.
    grace_us : int
        How long the stream waits for a missing batch, µs of event time.
    """
    newest = max((max(batch.newest, batch.newest_sent) for batch in batches.values()), default=0)
    for run in runs(batches):
        times, axes = run.readings()
        known = times < run.known_until
        if run.follows_hole and newest - grace_us <= run.known_from:
            known[:] = False
        due = None if known.all() else _starts(times[known], axes[known], spec)
        for piece in _pieces(times, axes, spec):
            yield piece, np.ones(len(piece.starts), np.bool_) if due is None else np.isin(piece.starts, due)


def _starts(times: Times, axes: NDArray[np.float32], spec: WindowSpec) -> Times:
    return np.array([start for piece in _pieces(times, axes, spec) for start in piece.starts], np.int64)


def _pieces(times: Times, axes: NDArray[np.float32], spec: WindowSpec) -> Iterator[RecordingWindows]:
    # A window needs the reach of the filter and two more readings on each side, which are at most a gap apart.
    margin = reach_us(spec.period_us) + 2 * spec.gap_us
    piece_us = max(PIECE_US, 2 * spec.gap_us)
    for begin in (np.unique(times // piece_us) * piece_us).tolist():
        first = np.searchsorted(times, begin - margin, side="left")
        last = np.searchsorted(times, begin + piece_us + spec.length_us + margin, side="right")
        windows = recording_windows(times[first:last], axes[first:last], spec)
        inside = (windows.starts >= begin) & (windows.starts < begin + piece_us)
        qualities = [windows.qualities[place] for place in np.flatnonzero(inside)]
        yield RecordingWindows(
            windows.starts[inside], windows.values[inside], qualities, windows.repeats, windows.conflicts
        )
