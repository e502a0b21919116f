"""The window state of every session in one partition, and what becomes of sessions that fall silent."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from har.assembly import Assembled, SessionWindows
from har.samples import SampleBatch
from har.windows import WindowSpec


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


@dataclass(slots=True)
class _Tracked:
    windows: SessionWindows[Position]
    heard_at: float
    released: bool = False


class SessionBook:
    """The sessions of one partition, least recently heard first.

    Parameters
    ----------
    spec : WindowSpec
        How windows are cut.
    grace_us : int
        How long a missing batch is waited for, µs of event time.
    idle_seconds : float
        After this silence a session's batches count as done, so that they no longer hold the partition's
        commit back; its window state is kept in memory.
    forget_seconds : float
        After this silence its state is dropped.
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
        idle_seconds: float,
        forget_seconds: float,
        max_sessions: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spec = spec
        self._grace_us = grace_us
        self._idle_seconds = idle_seconds
        self._forget_seconds = forget_seconds
        self._max_sessions = max_sessions
        self._clock = clock
        self._sessions: OrderedDict[SessionKey, _Tracked] = OrderedDict()

    def __len__(self) -> int:
        """Return how many sessions have state."""
        return len(self._sessions)

    def add(self, batch: SampleBatch, position: Position) -> Assembled[Position]:
        """Add a batch to its session."""
        key = SessionKey(batch.device, batch.session)
        tracked = self._sessions.get(key)
        if tracked is None:
            tracked = _Tracked(SessionWindows(self._spec, grace_us=self._grace_us), self._clock())
            self._sessions[key] = tracked
        else:
            tracked.heard_at = self._clock()
            tracked.released = False
            self._sessions.move_to_end(key)
        return tracked.windows.add(batch, position)

    def discard(self, batch: SampleBatch) -> Assembled[Position]:
        """Drop the session of a batch; what it held is reported finished."""
        tracked = self._sessions.pop(SessionKey(batch.device, batch.session), None)
        return tracked.windows.stop_waiting() if tracked is not None else Assembled()

    def sweep(self) -> Iterator[tuple[SessionKey, Assembled[Position]]]:
        """Let go of silent sessions; yield what that closes and finishes, session by session."""
        now = self._clock()
        for key, tracked in list(self._sessions.items()):
            silent = now - tracked.heard_at
            surplus = len(self._sessions) > self._max_sessions
            if silent < self._idle_seconds and not surplus:
                return
            # Before anything is yielded: a batch may come while the caller deals with it.
            if silent >= self._forget_seconds or surplus:
                del self._sessions[key]
            if not tracked.released:
                tracked.released = True
                yield key, tracked.windows.stop_waiting()
