"""A run: batches with consecutive sequence numbers, and the windows that their readings give.

All readings are known between the first batch's `earlier_until` and the last batch's `later_from` (`har.samples`).
Windows between these two times close at once.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from har.merging import NO_READINGS, merge_readings, split_at_gaps
from har.rejections import RejectedMessage
from har.samples import NOTHING_EARLIER, SampleBatch
from har.signal_quality import SignalQuality
from har.windowing import Stretch, WindowSpec

Position = TypeVar("Position")


@dataclass(frozen=True, slots=True)
class ClosedWindow(Generic[Position]):
    """A window that is final.

    Attributes
    ----------
    start : int
        Event time of its first value, µs, a multiple of the hop.
    values : ndarray of float32, shape (steps, 3)
        m/s², gravity included.
    quality : SignalQuality
        The quality of the readings under it.
    completed_by : Position
        The log position of the batch that held the last reading the window depends on.
    """

    start: int
    values: NDArray[np.float32]
    quality: SignalQuality
    completed_by: Position


@dataclass(slots=True)
class Assembled(Generic[Position]):
    """The result of adding one batch.

    Attributes
    ----------
    windows : list of ClosedWindow
        Windows that the batch closed, in increasing order of their start.
    finished : list of Position
        Batches that no future window needs. Acknowledge them only after `windows` have been published.
    rejected : RejectedMessage or None
        Why the batch was rejected; None if it was accepted.
    repeats, conflicts : int
        Readings with the time of another reading, and those of them whose values differ.
    """

    windows: list[ClosedWindow[Position]] = field(default_factory=list)
    finished: list[Position] = field(default_factory=list)
    rejected: RejectedMessage | None = None
    repeats: int = 0
    conflicts: int = 0


@dataclass(frozen=True, slots=True)
class HeldBatch(Generic[Position]):
    """A batch that a future window may need, its position in the log, and its newest event time in µs."""

    batch: SampleBatch
    position: Position
    newest: int


class BatchRun(Generic[Position]):
    """Batches with consecutive sequence numbers, and the windows they give.

    Parameters
    ----------
    spec : WindowSpec
        How windows are cut.
    first : SampleBatch
        The batch that will be appended first.
    """

    def __init__(self, spec: WindowSpec, first: SampleBatch) -> None:
        self._spec = spec
        self._stretch = Stretch(spec)
        self._pending = NO_READINGS
        self.earlier_until = first.earlier_until
        self.held: deque[HeldBatch[Position]] = deque()
        self.first_sequence = first.sequence
        self.last_sequence = first.sequence - 1
        self.newest = NOTHING_EARLIER
        self.later_from = NOTHING_EARLIER

    def __len__(self) -> int:
        """Return how many readings are held."""
        return len(self._stretch) + len(self._pending.times)

    def find(self, sequence: int) -> HeldBatch[Position] | None:
        """Return the batch with this number if it is still held."""
        return next((held for held in self.held if held.batch.sequence == sequence), None)

    def is_continued_by(self, held: HeldBatch[Position]) -> bool:
        """Return whether the batch and the run keep their promises about each other."""
        batch = held.batch
        return batch.earlier_until >= self.newest and int(batch.times.min()) >= self.later_from

    def append(self, held: HeldBatch[Position], result: Assembled[Position]) -> None:
        """Add the next batch and close the windows that it completes."""
        self.held.append(held)
        self.last_sequence = held.batch.last_sequence
        self.newest = max(self.newest, held.newest)
        self.later_from = max(self.later_from, held.batch.later_from)
        self._add_readings(held.batch, result)
        self._extend(self._settled_count(), held.position, result)

    def release(self, result: Assembled[Position]) -> None:
        """Report all batches finished; keep the readings that a continuation of the run needs.

        If the run does not continue, unsettled readings are dropped: a missing batch may hold some between them.
        """
        result.finished.extend(held.position for held in self.held)
        self.held.clear()

    def _add_readings(self, batch: SampleBatch, result: Assembled[Position]) -> None:
        times, axes = batch.times, batch.axes.astype(np.float64)
        if self.earlier_until >= int(times.min()):
            known = times > self.earlier_until
            times, axes = times[known], axes[known]
        contested = np.zeros(len(times), np.bool_)
        pending = self._pending
        if len(pending.times):
            times = np.concatenate((pending.times, times))
            axes = np.concatenate((pending.axes, axes))
            contested = np.concatenate((pending.contested, contested))
        self._pending = merge_readings(times, axes, contested)
        result.repeats += self._pending.repeats
        result.conflicts += self._pending.conflicts

    def _settled_count(self) -> int:
        times = self._pending.times
        if len(times) and times[-1] < self.later_from:
            return len(times)
        return int(np.searchsorted(times, self.later_from, side="left"))

    def _extend(self, settled: int, position: Position, result: Assembled[Position]) -> None:
        ready, self._pending = self._pending.piece(slice(settled)), self._pending.piece(slice(settled, None))
        if not settled:
            return
        last = self._stretch.last_time
        if last is not None and int(ready.times[0]) - last > self._spec.gap_us:
            self._stretch = Stretch(self._spec)
        for number, place in enumerate(split_at_gaps(ready.times, self._spec.gap_us)):
            if number:
                self._stretch = Stretch(self._spec)
            for window in self._stretch.extend(ready.piece(place)):
                result.windows.append(ClosedWindow(*window, position))

    def finish_unneeded(self, result: Assembled[Position]) -> None:
        """Report the batches that no future window needs; call it only if no batch before the run can still arrive."""
        needed_from = self._stretch.needed_from
        if needed_from is None:
            if not len(self._pending.times):  # all readings were dropped as uncertain: hold nothing
                self.release(result)
            return
        while self.held and self.held[0].newest < needed_from:
            result.finished.append(self.held.popleft().position)
