"""From a device's batches, as a log delivers them, to its windows: closed early, and the same after a restart.

`SessionWindows` takes the batches of one session in the order of the log. Consecutive sequence numbers form
a **run**; what the first batch of a run promises about earlier ones and the last about later ones
(`har.samples`) brackets the time in which all readings are known, so a window inside is right whatever else
is still on its way, and is closed at once.

While a number is missing, later batches wait. They wait until the session's newest event time is more than
the grace past anything that the missing batch can hold: if it comes after that, it is rejected as late, by
the statement it carries itself. Over a batch that never came nothing is bridged: its run ends there.

Each batch comes with its position in the log, and is reported **finished** when no window to come needs
it. Reading the log again from the oldest unfinished position gives every window that was not closed
before, and no window that differs.

What is held can be **moved** along the log: if exact copies of all held batches come, in the order of their
sequence and with nothing else of the session in between, then reading the log from the first copy gives
the same state. The copies' positions then stand for the originals', which are finished.
"""

import logging
from collections import deque
from dataclasses import replace
from typing import Generic

import numpy as np

from har.batch_runs import Assembled, BatchRun, HeldBatch, Position
from har.samples import NOTHING_EARLIER, RejectedBatch, SampleBatch
from har.windows import MICROSECONDS, WindowSpec

log = logging.getLogger(__name__)

#: How long, in event time, a missing batch is waited for, µs.
GRACE_US = 2 * MICROSECONDS
#: More batches than this do not wait for a missing one.
MAX_WAITING = 256
#: More readings than this are not held for a session (the usual is the length of a window: 4 s of 200 Hz).
MAX_HELD_READINGS = 50_000

TOO_DENSE = "too_dense"


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
        self._run: BatchRun[Position] | None = None
        self._waiting: dict[int, HeldBatch[Position]] = {}
        self._copies: list[Position] = []
        self._newest_sent = 0

    @property
    def held_batches(self) -> list[tuple[SampleBatch, Position]]:
        """The batches that a window to come may still need; in the order of their sequence."""
        return [(held.batch, held.position) for held in self._held()]

    @property
    def oldest_held(self) -> Position | None:
        """Where the first of the batches lies that a window to come may still need; None if none does."""
        if self._run is not None and self._run.held:
            return self._run.held[0].position
        return self._waiting[min(self._waiting)].position if self._waiting else None

    def add(self, batch: SampleBatch, position: Position) -> Assembled[Position]:
        """Take the next batch of the log.

        What cannot be used is on the result's `rejected` and never raises: a fault in one batch leaves the
        session's other windows as they are. A fault of ours (``internal``) costs what is held of the session,
        and nothing of any other.
        """
        step: Assembled[Position] = Assembled()
        try:
            self._add(batch, position, step)
        except RejectedBatch as rejection:
            step.rejected = rejection
            if rejection.code == TOO_DENSE:
                step.finished.extend(self.drop().finished)
            step.finished.append(position)
        except Exception as fault:
            log.exception("session %s of %s is dropped", batch.session, batch.device)
            step.rejected = RejectedBatch("internal", f"the processor failed on this batch: {fault!r}")
            step.finished.extend([*self.drop().finished, position])
        return step

    def _add(self, batch: SampleBatch, position: Position, step: Assembled[Position]) -> None:
        held = self._admit(batch, position, step)
        if held is None:
            self._move(batch, position, step)
            return
        self._give_up_copies(step)
        if self._run is not None and batch.sequence < self._run.first_sequence:
            self._start_over()
        self._newest_sent = max(self._newest_sent, batch.newest_sent, held.newest)
        self._place(held, step)
        self._give_up_on_missing(step)
        if self._run is not None and not self._may_come_before(self._run.earlier_until):
            self._run.finish_unneeded(step)

    def stop_waiting(self) -> Assembled[Position]:
        """Close what can be closed without the batches that are missing, as if the grace had passed.

        For devices that fell silent. All batches held are reported finished; the last run is kept, so a
        device that comes back with the next sequence number goes on without a break.
        """
        step: Assembled[Position] = Assembled()
        try:
            self._give_up_copies(step)
            while self._waiting:
                self._begin_next_run(step)
            if self._run is not None:
                self._run.release(step)
        except Exception:
            log.exception("what a silent session held is dropped")
            step.finished.extend(self.drop().finished)
        return step

    def drop(self) -> Assembled[Position]:
        """Begin afresh: all that is held is reported finished, and no window is made of it."""
        step: Assembled[Position] = Assembled()
        self._give_up_copies(step)
        step.finished.extend(held.position for held in self._held())
        self._waiting.clear()
        self._run = None
        return step

    def _held(self) -> list[HeldBatch[Position]]:
        run = list(self._run.held) if self._run is not None else []
        return run + [self._waiting[number] for number in sorted(self._waiting)]

    def _move(self, batch: SampleBatch, position: Position, step: Assembled[Position]) -> None:
        """Take a repeat: the next copy of what is held, or of no use."""
        held = self._held()
        if len(self._copies) < len(held) and _is_copy(batch, held[len(self._copies)].batch):
            self._copies.append(position)
        else:
            self._give_up_copies(step)
            if held and _is_copy(batch, held[0].batch):
                self._copies.append(position)
            else:
                step.finished.append(position)
        if self._copies and len(self._copies) == len(held):
            step.finished.extend(original.position for original in held)
            self._put_at(self._copies)
            self._copies = []

    def _put_at(self, positions: list[Position]) -> None:
        moved = [replace(held, position=position) for held, position in zip(self._held(), positions, strict=True)]
        in_run = len(self._run.held) if self._run is not None else 0
        if self._run is not None:
            self._run.held = deque(moved[:in_run])
        self._waiting = {held.batch.sequence: held for held in moved[in_run:]}

    def _give_up_copies(self, step: Assembled[Position]) -> None:
        step.finished.extend(self._copies)
        self._copies = []

    def _admit(self, batch: SampleBatch, position: Position, step: Assembled[Position]) -> HeldBatch[Position] | None:
        """Return the batch with its position, or None for a repeat of one that is known."""
        if self._is_repeat(batch):
            step.repeats += len(batch)
            return None
        held_readings = sum(len(held.batch) for held in self._waiting.values())
        held_readings += len(self._run) if self._run is not None else 0
        if held_readings + len(batch) > MAX_HELD_READINGS:
            raise RejectedBatch(TOO_DENSE, f"over {MAX_HELD_READINGS} readings held for one session")
        late = int((batch.times < batch.newest_sent - self._grace_us).sum())
        if late:
            raise RejectedBatch(
                "late",
                f"{late} of {len(batch)} readings are more than {self._grace_us / MICROSECONDS:g} s older than the "
                f"newest that the session had sent ({batch.newest_sent})",
            )
        return HeldBatch(batch, position, batch.newest)

    def _is_repeat(self, batch: SampleBatch) -> bool:
        """Tell whether the batch is known.

        Raises
        ------
        RejectedBatch
            With code ``sequence`` if its number went back although its readings are new, ``conflict`` if
            other readings came under its number.
        """
        number, run = batch.sequence, self._run
        known = self._waiting.get(number)
        if known is None and run is not None and number <= run.last_sequence:
            if int(batch.times.min()) > (run.earlier_until if number < run.first_sequence else run.newest):
                raise RejectedBatch(
                    "sequence",
                    f"sequence {number} goes back (the last was {run.last_sequence}) although its readings are "
                    "new; begin a new session",
                )
            known = run.find(number)
            if known is None and number >= run.first_sequence:
                return True  # its windows are out: nothing is left to compare it with
        if known is None:
            return False
        if not np.array_equal(known.batch.times, batch.times) or not np.array_equal(known.batch.axes, batch.axes):
            raise RejectedBatch("conflict", f"sequence {number} came before with other readings")
        return True

    def _place(self, held: HeldBatch[Position], step: Assembled[Position]) -> None:
        self._waiting[held.batch.sequence] = held
        if self._run is None:
            self._begin_next_run(step)
        else:
            self._drain(step)

    def _start_over(self) -> None:
        """Let a batch from before the run begin the session anew, with all that is held waiting for it.

        It is not late by its own statement, so reading the log began in the middle, or what was held is read
        once more from copies. Windows that are out come again, the same.
        """
        assert self._run is not None
        self._waiting |= {other.batch.sequence: other for other in self._run.held}
        self._run = None
        # What was sent in between may come again, too, so nothing is missing by what was read before.
        self._newest_sent = 0

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
            self._run.release(step)
        first = self._waiting.pop(min(self._waiting))
        self._run = BatchRun(self._spec, first.batch)
        self._run.append(first, step)
        self._drain(step)

    def _may_come_before(self, earlier_until: int) -> bool:
        """Tell whether a batch with nothing after `earlier_until` would not be late if it came now."""
        return earlier_until != NOTHING_EARLIER and earlier_until >= self._newest_sent - self._grace_us

    def _give_up_on_missing(self, step: Assembled[Position]) -> None:
        while self._waiting:
            first = self._waiting[min(self._waiting)]
            if self._may_come_before(first.batch.earlier_until) and len(self._waiting) <= MAX_WAITING:
                return
            self._begin_next_run(step)


def _is_copy(repeat: SampleBatch, original: SampleBatch) -> bool:
    """Tell whether a repeat, whose readings are known to be the same, also states the same."""
    return (repeat.sequence, repeat.newest_sent, repeat.earlier_until, repeat.later_from) == (
        original.sequence,
        original.newest_sent,
        original.earlier_until,
        original.later_from,
    )
