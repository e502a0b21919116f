"""From a device's batches, as a log delivers them, to its windows: closed early, and the same after a restart.

`SessionWindows` takes the batches of one session in the order of the log. Consecutive sequence numbers form
a **run**; what the first batch of a run promises about earlier ones and the last about later ones
(`har.samples`) brackets the time in which all readings are known, so a window inside is right whatever else
is still on its way, and is closed at once.

While a number is missing, later batches wait. They wait until the session's newest event time is more than
the grace past anything that the missing batch can hold: if it comes after that, it is refused as late, by
the statement it carries itself. Over a batch that never came nothing is bridged: its run ends there.

Each batch comes with its position in the log, and is reported **finished** when no window to come needs
it. Reading the log again from the oldest unfinished position gives every window that was not closed
before, and no window that differs.
"""

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from har.resampling import Floats, Times
from har.samples import NOTHING_EARLIER, RejectedBatch, SampleBatch
from har.windows import MICROSECONDS, Stretch, WindowSpec, merge_readings, split_at_gaps

#: How long, in event time, a missing batch is waited for, µs.
GRACE_US = 2 * MICROSECONDS
#: More batches than this do not wait for a missing one.
MAX_WAITING = 256
#: More readings than this are not held for a session (the usual is the length of a window: 4 s of 200 Hz).
MAX_HELD_READINGS = 50_000

TOO_DENSE = "too_dense"

Position = TypeVar("Position")


@dataclass(frozen=True, slots=True)
class ClosedWindow(Generic[Position]):
    """A window that will not change any more.

    Attributes
    ----------
    start : int
        Event time of its first value, µs, a multiple of the hop.
    values : ndarray of float32, shape (steps, 3)
        m/s², gravity included.
    completed_by : Position
        The log position of the batch that held the last reading the window depends on.
    """

    start: int
    values: NDArray[np.float32]
    completed_by: Position


@dataclass(slots=True)
class Assembled(Generic[Position]):
    """What one batch brought about.

    Attributes
    ----------
    windows : list of ClosedWindow
        In increasing order of their start.
    finished : list of Position
        Batches that no window to come needs. They are done once `windows` have been dealt with.
    refused : RejectedBatch or None
        Why readings of this batch were left out, if any were.
    repeats, conflicts : int
        Readings that repeated another's time, and those of them with other values.
    """

    windows: list[ClosedWindow[Position]] = field(default_factory=list)
    finished: list[Position] = field(default_factory=list)
    refused: RejectedBatch | None = None
    repeats: int = 0
    conflicts: int = 0


@dataclass(frozen=True, slots=True)
class _Held(Generic[Position]):
    batch: SampleBatch
    position: Position
    newest: int
    joins_previous: bool


class SessionWindows(Generic[Position]):
    """Assembles the windows of one session of one device.

    Parameters
    ----------
    spec : WindowSpec
        How windows are cut.
    grace_us : int
        How long a missing batch is waited for, in event time, µs.
    """

    def __init__(self, spec: WindowSpec, *, grace_us: int = GRACE_US) -> None:
        self._spec = spec
        self._grace_us = grace_us
        self._run: _Run[Position] | None = None
        self._waiting: dict[int, _Held[Position]] = {}
        self._newest_sent = 0

    @property
    def held_batches(self) -> int:
        """How many batches a window to come may still need."""
        return len(self._waiting) + (len(self._run.held) if self._run is not None else 0)

    def add(self, batch: SampleBatch, position: Position) -> Assembled[Position]:
        """Take the next batch of the log.

        What cannot be used is on the result's `refused` and never raises: a fault in one batch leaves the
        session's other windows as they are.
        """
        step: Assembled[Position] = Assembled()
        try:
            held = self._admit(batch, position, step)
        except RejectedBatch as refusal:
            step.refused = refusal
            if refusal.code == TOO_DENSE:
                self._drop_all(step)
            step.finished.append(position)
            return step
        if held is None:
            step.finished.append(position)
            return step
        self._newest_sent = max(self._newest_sent, batch.newest_sent, held.newest)
        self._place(held, step)
        self._give_up_on_missing(step)
        return step

    def stop_waiting(self) -> Assembled[Position]:
        """Close what can be closed without the batches that are missing, as if the grace had passed.

        For devices that fell silent. All batches held are reported finished; the last run is kept, so a
        device that comes back with the next sequence number goes on without a break.
        """
        step: Assembled[Position] = Assembled()
        while self._waiting:
            self._begin_next_run(step)
        if self._run is not None:
            step.finished.extend(self._run.release())
        return step

    def _drop_all(self, step: Assembled[Position]) -> None:
        """Begin afresh: what cannot be held must not hold the log's other readers back."""
        step.finished.extend(held.position for held in self._waiting.values())
        self._waiting.clear()
        if self._run is not None:
            step.finished.extend(self._run.release())
            self._run = None

    def _admit(self, batch: SampleBatch, position: Position, step: Assembled[Position]) -> _Held[Position] | None:
        """Return the usable part of a batch, or None for a repeat of one that is known."""
        if self._is_repeat(batch):
            step.repeats += len(batch)
            return None
        held_readings = sum(len(held.batch) for held in self._waiting.values())
        held_readings += len(self._run) if self._run is not None else 0
        if held_readings + len(batch) > MAX_HELD_READINGS:
            raise RejectedBatch(TOO_DENSE, f"over {MAX_HELD_READINGS} readings held for one session")
        newest = batch.newest
        late = batch.times < batch.newest_sent - self._grace_us
        if not late.any():
            return _Held(batch, position, newest, joins_previous=True)
        refusal = RejectedBatch(
            "late",
            f"{int(late.sum())} of {len(batch)} readings are more than {self._grace_us / MICROSECONDS:g} s older "
            f"than the newest that the session had sent ({batch.newest_sent})",
        )
        if late.all():
            raise refusal
        step.refused = refusal
        kept = replace(
            batch,
            times=batch.times[~late],
            axes=batch.axes[~late],
            earlier_until=max(batch.earlier_until, int(batch.times[late].max())),
        )
        return _Held(kept, position, newest, joins_previous=False)

    def _is_repeat(self, batch: SampleBatch) -> bool:
        """Tell whether the batch is known.

        Raises
        ------
        RejectedBatch
            With code ``sequence`` if its number went back although its readings are new, ``conflict`` if
            other readings came under its number, ``late`` if the run that it belonged to is closed.
        """
        number, run = batch.sequence, self._run
        known = self._waiting.get(number)
        if known is None and run is not None and number <= run.last_sequence:
            if int(batch.times.min()) > run.newest:
                raise RejectedBatch(
                    "sequence",
                    f"sequence {number} goes back (the last was {run.last_sequence}) although its readings are "
                    "new; begin a new session",
                )
            known = run.find(number)
            if known is None and number >= run.first_sequence:
                return True  # its windows are out: nothing is left to compare it with
            if known is None and run.has_advanced:
                raise RejectedBatch("late", f"sequence {number} came after its windows were closed without it")
        if known is None:
            return False
        same = np.array_equal(known.batch.times, batch.times) and np.array_equal(known.batch.axes, batch.axes)
        if not same and known.joins_previous:
            raise RejectedBatch("conflict", f"sequence {number} came before with other readings")
        return True

    def _place(self, held: _Held[Position], step: Assembled[Position]) -> None:
        number, run = held.batch.sequence, self._run
        if run is not None and number < run.first_sequence:
            # The log began in the middle of a reordering: start again from the lowest number known.
            for earlier in run.held:
                self._waiting[earlier.batch.sequence] = earlier
            self._run = run = None
        self._waiting[number] = held
        if run is None:
            self._begin_next_run(step)
        else:
            self._drain(step)

    def _drain(self, step: Assembled[Position]) -> None:
        """Append the waiting batches that follow on the run, one by one."""
        run = self._run
        assert run is not None
        while (following := self._waiting.get(run.last_sequence + 1)) is not None:
            if not run.is_continued_by(following):
                self._begin_next_run(step)
                return
            del self._waiting[following.batch.sequence]
            run.append(following, step)

    def _begin_next_run(self, step: Assembled[Position]) -> None:
        if self._run is not None:
            self._run.close(step)
        first = self._waiting.pop(min(self._waiting))
        self._run = _Run(self._spec, first.batch)
        self._run.append(first, step)
        self._drain(step)

    def _give_up_on_missing(self, step: Assembled[Position]) -> None:
        late_before = self._newest_sent - self._grace_us
        while self._waiting:
            first = self._waiting[min(self._waiting)]
            if late_before <= first.batch.earlier_until and len(self._waiting) <= MAX_WAITING:
                return
            self._begin_next_run(step)


class _Run(Generic[Position]):
    """Batches with consecutive sequence numbers, and the windows they give."""

    def __init__(self, spec: WindowSpec, first: SampleBatch) -> None:
        self._spec = spec
        self._stretch = Stretch(spec)
        self._pending_times: Times = np.empty(0, np.int64)
        self._pending_axes: Floats = np.empty((0, 3))
        self._doubtful_until = first.earlier_until
        self.held: deque[_Held[Position]] = deque()
        self.first_sequence = first.sequence
        self.last_sequence = first.sequence - 1
        self.newest = NOTHING_EARLIER
        self.later_from = NOTHING_EARLIER
        self.has_advanced = False

    def __len__(self) -> int:
        """Return how many readings are held."""
        return len(self._stretch) + len(self._pending_times)

    def find(self, sequence: int) -> _Held[Position] | None:
        """Return the batch with this number if it is still held."""
        return next((held for held in self.held if held.batch.sequence == sequence), None)

    def is_continued_by(self, held: _Held[Position]) -> bool:
        """Tell whether the batch and the run keep what they promise of each other."""
        batch = held.batch
        return held.joins_previous and batch.earlier_until >= self.newest and int(batch.times.min()) >= self.later_from

    def append(self, held: _Held[Position], step: Assembled[Position]) -> None:
        """Add the batch that follows, close the windows it completes, report what is finished."""
        self.held.append(held)
        self.last_sequence = held.batch.sequence
        self.newest = max(self.newest, held.newest)
        self.later_from = max(self.later_from, held.batch.later_from)
        self._add_readings(held.batch, step)
        self._extend(self._settled_count(), held.position, step)
        self._finish(step)

    def close(self, step: Assembled[Position]) -> None:
        """End the run: what it holds is complete."""
        if self.held:
            self._extend(len(self._pending_times), self.held[-1].position, step)
        step.finished.extend(self.release())

    def release(self) -> list[Position]:
        """Let go of all batches and return their positions; the readings needed are kept."""
        positions = [held.position for held in self.held]
        self.has_advanced = True
        self.held.clear()
        return positions

    def _add_readings(self, batch: SampleBatch, step: Assembled[Position]) -> None:
        times, axes = batch.times, batch.axes.astype(np.float64)
        if self._doubtful_until >= int(times.min()):
            sure = times > self._doubtful_until
            times, axes = times[sure], axes[sure]
        if len(self._pending_times):
            times = np.concatenate((self._pending_times, times))
            axes = np.concatenate((self._pending_axes, axes))
        merged = merge_readings(times, axes)
        step.repeats += merged.repeats
        step.conflicts += merged.conflicts
        self._pending_times, self._pending_axes = merged.times, merged.axes

    def _settled_count(self) -> int:
        if len(self._pending_times) and self._pending_times[-1] < self.later_from:
            return len(self._pending_times)
        return int(np.searchsorted(self._pending_times, self.later_from, side="left"))

    def _extend(self, settled: int, position: Position, step: Assembled[Position]) -> None:
        times, axes = self._pending_times[:settled], self._pending_axes[:settled]
        self._pending_times, self._pending_axes = self._pending_times[settled:], self._pending_axes[settled:]
        if not settled:
            return
        last = self._stretch.last_time
        if last is not None and int(times[0]) - last > self._spec.gap_us:
            self._stretch = Stretch(self._spec)
        for number, piece in enumerate(split_at_gaps(times, self._spec.gap_us)):
            if number:
                self._stretch = Stretch(self._spec)
            for start, values in self._stretch.extend(times[piece], axes[piece]):
                step.windows.append(ClosedWindow(start, values, position))
                self.has_advanced = True

    def _finish(self, step: Assembled[Position]) -> None:
        needed_from = self._stretch.needed_from
        if needed_from is None:
            if not len(self._pending_times):  # all readings were doubtful: there is nothing to hold
                step.finished.extend(self.release())
            return
        while self.held and self.held[0].newest < needed_from:
            step.finished.append(self.held.popleft().position)
            self.has_advanced = True
