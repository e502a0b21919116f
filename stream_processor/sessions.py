"""The window state of every session in one partition, and what becomes of sessions that fall silent.

A silent session holds the partition's commit back: its last batches are needed should it go on. So that a
restart need not read everything since, they are **carried**: written once more to the end of the partition.
When the copies are read, they stand for the originals (`har.assembly`), and the commit moves on. Nothing is
decided about the session by that; only much later is it forgotten.

Silence is counted in the partition's own time, which stands still while no phone sends in the partition at
all: an outage makes nobody silent.

A session whose event time hardly advances although it sends would hold the commit back for as long as it goes
on. Beyond a limit what it holds is dropped; that is judged by when batches arrived at the gateway, not by how
fast the log is read.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from har.assembly import SessionWindows
from har.batch_runs import Assembled
from har.samples import RejectedBatch, SampleBatch
from har.windows import MICROSECONDS, WindowSpec

#: The partition's time goes on for so long after a message, s; and so does a session's.
LONGEST_STEP_SECONDS = 5.0

TOO_SLOW = "too_slow"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a batch lies in its partition, and when it arrived at the gateway (µs since the epoch)."""

    offset: int
    arrived: int


@dataclass(frozen=True, slots=True)
class SessionKey:
    """What identifies a session."""

    device: str
    session: str


@dataclass(frozen=True, slots=True)
class Silent:
    """A session that has been silent.

    Attributes
    ----------
    key : SessionKey
        Which.
    seconds : float
        For how long, in the partition's time.
    step : Assembled
        What giving it up closes and finishes; nothing if it is only carried.
    carried : list of (SampleBatch, Position)
        What is to be written to the log again, in this order.
    """

    key: SessionKey
    seconds: float
    step: Assembled[Position]
    carried: list[tuple[SampleBatch, Position]]


@dataclass(slots=True)
class _Tracked:
    windows: SessionWindows[Position]
    heard_at: float
    carry_at: float


class SessionBook:
    """The sessions of one partition, least recently heard first.

    Parameters
    ----------
    spec : WindowSpec
        How windows are cut.
    grace_us : int
        How long a missing batch is waited for, µs of event time.
    carry_seconds : float
        After this silence what a session holds is carried, and again whenever the silence has doubled.
    forget_seconds : float
        After this silence its state is dropped.
    hold_seconds : float
        A session that sends for so long without letting go of its oldest batch loses what it holds.
    max_sessions : int
        Beyond this many, the one silent for longest is dropped.
    clock : callable
        Monotonic seconds.
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
        self._time = 0.0  # the partition's own, up to its latest message
        self._latest = clock()  # when that came
        self._sessions: OrderedDict[SessionKey, _Tracked] = OrderedDict()

    def __len__(self) -> int:
        """Return how many sessions have state."""
        return len(self._sessions)

    def add(self, batch: SampleBatch, position: Position, *, silent_seconds: float = 0.0) -> Assembled[Position]:
        """Add a batch to its session, which had been silent for so long when a copy of it was written."""
        now = self._now()
        key = SessionKey(batch.device, batch.session)
        tracked = self._sessions.get(key)
        if tracked is None:
            windows = SessionWindows[Position](self._spec, grace_us=self._grace_us)
            heard_at = now - silent_seconds
            tracked = self._sessions[key] = _Tracked(windows, heard_at, now + max(silent_seconds, self._carry_seconds))
            # The order is by when a session was heard.
            self._sessions.move_to_end(key, last=not silent_seconds)
        if self._holds_too_long(tracked.windows, position):
            step = self._sessions.pop(key).windows.drop()
            step.finished.append(position)
            step.rejected = RejectedBatch(
                TOO_SLOW,
                f"in {self._hold_seconds:g} s of sending, event time has not passed what one window needs "
                f"(it is {batch.newest} now): are the times in µs?",
            )
            return step
        step = tracked.windows.add(batch, position)
        # A copy is no sign of life, and neither is what is rejected.
        if not silent_seconds and step.rejected is None and step.repeats < len(batch):
            self._time, self._latest = now, self._clock()
            tracked.heard_at, tracked.carry_at = now, now + self._carry_seconds
            self._sessions.move_to_end(key)
        return step

    def sweep(self) -> Iterator[Silent]:
        """Look after silent sessions; yield what is to be carried and what is given up, session by session."""
        now = self._now()
        for key, tracked in list(self._sessions.items()):
            silent = now - tracked.heard_at
            surplus = len(self._sessions) > self._max_sessions
            if silent < self._carry_seconds and not surplus:
                return
            if silent >= self._forget_seconds or surplus:
                # Before anything is yielded: a batch may come while the caller deals with it.
                del self._sessions[key]
                yield Silent(key, silent, tracked.windows.stop_waiting(), [])
            elif now >= tracked.carry_at:
                tracked.carry_at = now + silent
                yield Silent(key, silent, Assembled(), tracked.windows.held_batches)

    def _holds_too_long(self, windows: SessionWindows[Position], position: Position) -> bool:
        """Tell whether a session has sent for too long since the oldest batch that it holds; pauses do not count."""
        oldest = windows.oldest_held
        limit = self._hold_seconds * MICROSECONDS
        if oldest is None or position.arrived - oldest.arrived <= limit:
            return False
        arrivals = sorted([*(held.arrived for _, held in windows.held_batches), position.arrived])
        longest_step = LONGEST_STEP_SECONDS * MICROSECONDS
        return sum(min(after - before, longest_step) for before, after in pairwise(arrivals)) > limit

    def _now(self) -> float:
        return self._time + min(self._clock() - self._latest, LONGEST_STEP_SECONDS)
