"""From the batches in a log to windows: each closed as early as possible, and identical after a restart.

`SessionWindows` reads the batches of one session in the order of the log. Batches with consecutive sequence
numbers form a **run**. The first batch of a run promises something about earlier batches and the last about
later ones (`har.samples`). Between these two times all readings are known, so a window there is final and
closes at once.

While a sequence number is missing, later batches wait. They wait until the session's newest event time is
more than the grace past anything that the missing batch can hold. If the batch arrives after that, it is
rejected as late, by its own `newest_sent`. No window crosses a batch that never arrived: the run ends there.

Each batch has a position in the log. It is reported **finished** when no future window needs it. Reading the
log again from the oldest unfinished position gives every window that was not closed before; windows that are
closed again are identical.

Held batches can be **moved** along the log. If exact copies of all held batches arrive, in the order of their
sequence and with no other batch of the session in between, reading the log from the first copy gives the same
state. The copies' positions then replace the originals', which are finished.
"""

import logging
from collections import deque
from dataclasses import replace
from typing import Final, Generic

import numpy as np

from har.batch_runs import Assembled, BatchRun, HeldBatch, Position
from har.rejections import RejectedMessage
from har.samples import NOTHING_EARLIER, SampleBatch
from har.sequences import check_sequence
from har.time_units import MICROSECONDS
from har.windowing import WindowSpec

log = logging.getLogger(__name__)

#: The grace: how long a missing batch is waited for, µs of event time.
GRACE_US = 2 * MICROSECONDS
#: Most batches that wait for a missing one.
MAX_WAITING = 256
#: Most readings held for a session. Usually about one window's length is held: 800 readings for 4 s at 200 Hz.
MAX_HELD_READINGS = 50_000

TOO_DENSE: Final = "too_dense"


class SessionWindows(Generic[Position]):
    """Assembles the windows of one session of one device.

    Parameters
    ----------
    spec : WindowSpec
        How windows are cut.
    grace_us : int
        How long a missing batch is waited for, µs of event time.
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
        """The batches that a future window may need, with their positions, in the order of their sequence."""
        return [(held.batch, held.position) for held in self._held()]

    @property
    def oldest_held(self) -> Position | None:
        """Position of the first batch that a future window may need; None if there is none."""
        if self._run is not None and self._run.held:
            return self._run.held[0].position
        return self._waiting[min(self._waiting)].position if self._waiting else None

    def add(self, batch: SampleBatch, position: Position) -> Assembled[Position]:
        """Add the next batch of the log.

        A batch that cannot be used never raises; the reason is in the result's `rejected`, and the session's
        other windows are not affected. After a bug in this code (``internal``) the session's held batches are
        dropped; other sessions are not affected.
        """
        result: Assembled[Position] = Assembled()
        try:
            self._add(batch, position, result)
        except RejectedMessage as rejection:
            result.rejected = rejection
            if rejection.code == TOO_DENSE:
                result.finished.extend(self.drop().finished)
            result.finished.append(position)
        except Exception as fault:
            log.exception("dropped what session %s of %s held", batch.session, batch.device)
            result.rejected = RejectedMessage("internal", f"the processor failed on this batch: {fault!r}")
            result.finished.extend([*self.drop().finished, position])
        return result

    def _add(self, batch: SampleBatch, position: Position, result: Assembled[Position]) -> None:
        held = self._admit(batch, position, result)
        if held is None:
            self._move(batch, position, result)
            return
        self._give_up_copies(result)
        if self._run is not None and batch.sequence < self._run.first_sequence:
            self._start_over()
        self._newest_sent = max(self._newest_sent, batch.newest_sent, held.newest)
        self._place(held, result)
        self._give_up_on_missing(result)
        if self._run is not None and not self._may_come_before(self._run.earlier_until):
            self._run.finish_unneeded(result)

    def stop_waiting(self) -> Assembled[Position]:
        """Close every window that does not need a missing batch, as if the grace had passed.

        For devices that fell silent. All held batches are reported finished. The last run is kept, so a
        device that returns with the next sequence number continues without a gap.
        """
        result: Assembled[Position] = Assembled()
        try:
            self._give_up_copies(result)
            while self._waiting:
                self._begin_next_run(result)
            if self._run is not None:
                self._run.release(result)
        except Exception:
            log.exception("dropped what a silent session held")
            result.finished.extend(self.drop().finished)
        return result

    def drop(self) -> Assembled[Position]:
        """Drop the state: report all held batches finished and make no windows of them."""
        result: Assembled[Position] = Assembled()
        self._give_up_copies(result)
        result.finished.extend(held.position for held in self._held())
        self._waiting.clear()
        self._run = None
        return result

    def _held(self) -> list[HeldBatch[Position]]:
        run = list(self._run.held) if self._run is not None else []
        return run + [self._waiting[number] for number in sorted(self._waiting)]

    def _move(self, batch: SampleBatch, position: Position, result: Assembled[Position]) -> None:
        """Handle a repeat: it is the next copy of a held batch, or of no use."""
        held = self._held()
        if len(self._copies) < len(held) and _is_copy(batch, held[len(self._copies)].batch):
            self._copies.append(position)
        else:
            self._give_up_copies(result)
            if held and _is_copy(batch, held[0].batch):
                self._copies.append(position)
            else:
                result.finished.append(position)
        if self._copies and len(self._copies) == len(held):
            result.finished.extend(original.position for original in held)
            self._put_at(self._copies)
            self._copies = []

    def _put_at(self, positions: list[Position]) -> None:
        moved = [replace(held, position=position) for held, position in zip(self._held(), positions, strict=True)]
        in_run = len(self._run.held) if self._run is not None else 0
        if self._run is not None:
            self._run.held = deque(moved[:in_run])
        self._waiting = {held.batch.sequence: held for held in moved[in_run:]}

    def _give_up_copies(self, result: Assembled[Position]) -> None:
        result.finished.extend(self._copies)
        self._copies = []

    def _admit(self, batch: SampleBatch, position: Position, result: Assembled[Position]) -> HeldBatch[Position] | None:
        """Return the batch with its position, or None if it repeats a known one."""
        if self._is_repeat(batch):
            result.repeats += len(batch)
            return None
        held_readings = sum(len(held.batch) for held in self._waiting.values())
        held_readings += len(self._run) if self._run is not None else 0
        if held_readings + len(batch) > MAX_HELD_READINGS:
            raise RejectedMessage(TOO_DENSE, f"over {MAX_HELD_READINGS} readings held for one session")
        late = int((batch.times < batch.newest_sent - self._grace_us).sum())
        if late:
            raise RejectedMessage(
                "late",
                f"{late} of {len(batch)} readings are more than {self._grace_us / MICROSECONDS:g} s older than the "
                f"newest that the session had sent ({batch.newest_sent})",
            )
        return HeldBatch(batch, position, batch.newest)

    def _is_repeat(self, batch: SampleBatch) -> bool:
        """Return whether the batch is already known.

        Raises
        ------
        RejectedMessage
            With code ``sequence`` if its number goes back although its readings are new, ``conflict`` if
            other readings arrived with the same number.
        """
        number, run = batch.sequence, self._run
        known = self._waiting.get(number)
        if known is None and run is not None and number <= run.last_sequence:
            newest = run.earlier_until if number < run.first_sequence else run.newest
            check_sequence(batch, last=run.last_sequence, newest=newest)
            known = run.find(number)
            if known is None and number >= run.first_sequence:
                return True  # its windows are closed: there is nothing left to compare it with
        if known is None:
            return False
        if not np.array_equal(known.batch.times, batch.times) or not np.array_equal(known.batch.axes, batch.axes):
            raise RejectedMessage("conflict", f"sequence {number} arrived before with other readings")
        return True

    def _place(self, held: HeldBatch[Position], result: Assembled[Position]) -> None:
        self._waiting[held.batch.sequence] = held
        if self._run is None:
            self._begin_next_run(result)
        else:
            self._drain(result)

    def _start_over(self) -> None:
        """Restart the session at a batch from before the run; all held batches wait for it.

        The batch is not late by its own `newest_sent`. So reading began in the middle of the log, or held batches
        are read again from copies. Windows that are already closed are closed again, identically.
        """
        assert self._run is not None
        self._waiting |= {other.batch.sequence: other for other in self._run.held}
        self._run = None
        # Batches sent in between may be read again too: do not give up on them because of what was read before.
        self._newest_sent = 0

    def _drain(self, result: Assembled[Position]) -> None:
        """Append the waiting batches that continue the run, one by one."""
        run = self._run
        assert run is not None
        while (following := self._waiting.get(run.last_sequence + 1)) is not None:
            if not run.is_continued_by(following):
                self._begin_next_run(result)
                return
            del self._waiting[following.batch.sequence]
            run.append(following, result)

    def _begin_next_run(self, result: Assembled[Position]) -> None:
        if self._run is not None:
            self._run.release(result)
        first = self._waiting.pop(min(self._waiting))
        self._run = BatchRun(self._spec, first.batch)
        self._run.append(first, result)
        self._drain(result)

    def _may_come_before(self, earlier_until: int) -> bool:
        """Return whether a batch with no reading after `earlier_until` could still arrive without being late."""
        return earlier_until != NOTHING_EARLIER and earlier_until >= self._newest_sent - self._grace_us

    def _give_up_on_missing(self, result: Assembled[Position]) -> None:
        while self._waiting:
            first = self._waiting[min(self._waiting)]
            if self._may_come_before(first.batch.earlier_until) and len(self._waiting) <= MAX_WAITING:
                return
            self._begin_next_run(result)


def _is_copy(repeat: SampleBatch, original: SampleBatch) -> bool:
    """Return whether a repeat, whose readings are known to be equal, also makes the same promises."""
    return (repeat.sequence, repeat.numbers, repeat.newest_sent, repeat.earlier_until, repeat.later_from) == (
        original.sequence,
        original.numbers,
        original.newest_sent,
        original.earlier_until,
        original.later_from,
    )
