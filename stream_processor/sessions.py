"""The window state of every session in one partition, and the handling of silent sessions.

A silent session holds the partition's commit back, as its last batches are needed if it continues. A restart would then
read everything since. To avoid this the batches are **carried**: they are written again to the end of the partition.
When the copies are read, they replace the originals (`har.assembly`) and the commit advances. The session keeps its
state and is forgotten only much later.

Silence is measured in the partition's own time, which stands still while no phone sends in the partition. An outage
therefore makes no session silent.

A session that sends although its event time hardly advances would hold the commit back for as long as it sends. Beyond
a limit its held batches are dropped. The limit applies to arrival times at the gateway, so it does not depend on how
fast the log is read.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from har.assembly import SessionWindows
from har.batch_runs import Assembled
from har.rejections import RejectedMessage
from har.samples import SampleBatch
from har.time_units import MICROSECONDS
from har.windowing import WindowSpec

#: After a message, the partition's time advances by at most this, s; so does a session's sending time.
LONGEST_STEP_SECONDS = 5.0

TOO_SLOW: Final = "too_slow"


@dataclass(frozen=True, slots=True)
class Position:
    """A batch's offset in its partition, and its arrival time at the gateway, µs since the epoch."""

    offset: int
    arrived: int


@dataclass(frozen=True, slots=True)
class SessionKey:
    """A session's identity."""

    device: str
    session: str


@dataclass(frozen=True, slots=True)
class SilentSession:
    """A session that has been silent for some time.

    Attributes
    ----------
    key : SessionKey
        The session.
    seconds : float
        How long it has been silent, s of the partition's time.
    result : Assembled
        The windows closed and batches finished if it is forgotten; empty if it is only carried.
    carried : list of (SampleBatch, Position)
        The batches to write to the log again, in this order; empty if it is forgotten.
    """

    key: SessionKey
    seconds: float
    result: Assembled[Position]
    carried: list[tuple[SampleBatch, Position]]


@dataclass(slots=True)
class _Tracked:
    windows: SessionWindows[Position]
    heard_at: float
    carry_at: float


class SessionBook:
    """The sessions of one partition, ordered by when they last sent, oldest first.

    Parameters
    ----------
    spec : WindowSpec
        How windows are cut.
    grace_us : int
        How long a missing batch is waited for, µs of event time.
    carry_seconds : float
        A session's held batches are carried after this silence, s, and again whenever the silence has doubled.
    forget_seconds : float
        A session's state is dropped after this silence, s.
    hold_seconds : float
        If a session sends for this long, s, without finishing its oldest batch, its held batches are dropped.
    max_sessions : int
        Beyond this number, the session that has been silent longest is dropped.
    clock : callable
        Returns monotonic time, s.
    """

    def __init__(
        self,
        spec: WindowSpec,
        *,
        grace_us: int,
        carry_seconds: float,
        forget_seconds: float,
        hold_seconds: float,
        max_sessions: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spec = spec
        self._grace_us = grace_us
        self._carry_seconds = carry_seconds
        self._forget_seconds = forget_seconds
        self._hold_seconds = hold_seconds
        self._max_sessions = max_sessions
        self._clock = clock
        self._time = 0.0  # the partition's own time at its latest message, s
        self._latest = clock()  # when that message was read
        self._sessions: OrderedDict[SessionKey, _Tracked] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of sessions with state."""
        return len(self._sessions)

    def holds(self, key: SessionKey) -> bool:
        """Return whether a session has window state."""
        return key in self._sessions

    def add(self, batch: SampleBatch, position: Position, *, silent_seconds: float = 0.0) -> Assembled[Position]:
        """Add a batch to its session; a carried copy comes with the session's silence when it was written, s."""
        now = self._now()
        key = SessionKey(batch.device, batch.session)
        tracked = self._sessions.get(key)
        if tracked is None:
            windows = SessionWindows[Position](self._spec, grace_us=self._grace_us)
            heard_at = now - silent_seconds
            tracked = self._sessions[key] = _Tracked(windows, heard_at, now + max(silent_seconds, self._carry_seconds))
            # Sessions are ordered by when they last sent.
            self._sessions.move_to_end(key, last=not silent_seconds)
        if self._holds_too_long(tracked.windows, position):
            result = self._sessions.pop(key).windows.drop()
            result.finished.append(position)
            result.rejected = RejectedMessage(
                TOO_SLOW,
                f"in {self._hold_seconds:g} s of sending, event time advanced by less than one window needs "
                f"(it is {batch.newest} now); check that times are in µs",
            )
            return result
        result = tracked.windows.add(batch, position)
        # Neither a copy nor a rejected batch shows that the device is sending.
        if not silent_seconds and result.rejected is None and result.repeats < len(batch):
            self._time, self._latest = now, self._clock()
            tracked.heard_at, tracked.carry_at = now, now + self._carry_seconds
            self._sessions.move_to_end(key)
        return result

    def sweep(self) -> Iterator[SilentSession]:
        """Yield each silent session that is now carried or forgotten."""
        now = self._now()
        for key, tracked in list(self._sessions.items()):
            silent = now - tracked.heard_at
            surplus = len(self._sessions) > self._max_sessions
            if silent < self._carry_seconds and not surplus:
                return
            if silent >= self._forget_seconds or surplus:
                # Delete before yielding: a batch may arrive while the caller handles the session.
                del self._sessions[key]
                yield SilentSession(key, silent, tracked.windows.stop_waiting(), [])
            elif now >= tracked.carry_at:
                tracked.carry_at = now + silent
                yield SilentSession(key, silent, Assembled(), tracked.windows.held_batches)

    def _holds_too_long(self, windows: SessionWindows[Position], position: Position) -> bool:
        """Return whether a session has sent for too long since its oldest held batch; pauses count 5 s at most."""
        oldest = windows.oldest_held
        limit = self._hold_seconds * MICROSECONDS
        if oldest is None or position.arrived - oldest.arrived <= limit:
            return False
        arrivals = sorted([*(held.arrived for _, held in windows.held_batches), position.arrived])
        longest_step = LONGEST_STEP_SECONDS * MICROSECONDS
        return sum(min(after - before, longest_step) for before, after in pairwise(arrivals)) > limit

    def _now(self) -> float:
        return self._time + min(self._clock() - self._latest, LONGEST_STEP_SECONDS)
