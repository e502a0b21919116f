"""Whether a worker makes progress in its partitions, from which its liveness is judged.

Consumers have been known to stop without an error. A worker therefore counts as alive only if each partition advances
whenever something is due: messages are read, windows are confirmed by Kafka, and acknowledged offsets are committed.
Events that are held because a session's next window needs them are not a stall.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import msgspec

Stage = Literal["reading", "publishing", "committing", "joining", "answering"]


class Due(NamedTuple):
    """Something that is due: its subject, its stage, and a number that changes with progress."""

    what: str
    stage: Stage
    marker: int | None


class PartitionProgress(msgspec.Struct, frozen=True):
    """A worker's progress in one partition; offsets are those of the next message.

    Attributes
    ----------
    partition : str
        ``topic/partition``.
    begin, end : int or None
        The first offset in the log, and the one after its last; None while unknown.
    taken_until : int or None
        Messages below this offset are in window state or done; None before the first.
    acknowledged_until : int or None
        Messages below this offset are done: no future window needs them, and Kafka has every window that did. None
        before the first.
    committed : int or None
        The offset last committed, or found committed, for the consumer group; None if there is none.
    held : int
        Number of messages that were read but not acknowledged.
    unconfirmed, confirmed : int
        Number of pieces of work that are not confirmed yet, and that Kafka has confirmed since the assignment.
    """

    partition: str
    begin: int | None = None
    end: int | None = None
    taken_until: int | None = None
    acknowledged_until: int | None = None
    committed: int | None = None
    held: int = 0
    unconfirmed: int = 0
    confirmed: int = 0

    @property
    def lag(self) -> int | None:
        """Number of messages in the log that were not read yet; None while unknown.

        It is negative if the committed offset is beyond the log's end, as after a topic was deleted and created again.
        Nothing would then be read until the log is that long.
        """
        if self.begin is None or self.end is None:
            return None
        read_until = self.committed if self.taken_until is None else self.taken_until
        return self.end - max(self.begin, read_until or 0)

    def due(self) -> Iterator[Due]:
        """Yield each stage in which something is due."""
        if self.lag:
            yield Due(self.partition, "reading", self.taken_until)
        if self.unconfirmed:
            yield Due(self.partition, "publishing", self.confirmed)
        if self.acknowledged_until is not None and self.acknowledged_until > (self.committed or 0):
            yield Due(self.partition, "committing", self.committed)


class Stall(msgspec.Struct, frozen=True):
    """Something due without progress for some seconds; `what` is a partition, the consumer group, or Kafka."""

    what: str
    stage: Stage
    seconds: float


@dataclass
class _Waiting:
    marker: int | None
    since: float


class StallWatch:
    """Detects what has been due without progress for too long.

    Parameters
    ----------
    stall_seconds : float
        How long something may be due without any progress, s.
    clock : callable
        Returns monotonic time, s.

    Examples
    --------
    >>> now = 0.0
    >>> watch = StallWatch(60, clock=lambda: now)
    >>> unread = PartitionProgress("samples/0", begin=0, end=9, taken_until=5)
    >>> watch.observe(unread.due())
    []
    >>> now = 61.0
    >>> watch.observe(unread.due())
    [Stall(what='samples/0', stage='reading', seconds=61.0)]
    """

    def __init__(self, stall_seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stall_seconds = stall_seconds
        self._clock = clock
        self._waiting: dict[tuple[str, Stage], _Waiting] = {}

    def observe(self, due: Iterable[Due]) -> list[Stall]:
        """Record what is due now and return the stalls; what is no longer due is forgotten."""
        now = self._clock()
        waiting: dict[tuple[str, Stage], _Waiting] = {}
        stalls = []
        for what, stage, marker in due:
            before = self._waiting.get((what, stage))
            current = before if before is not None and before.marker == marker else _Waiting(marker, now)
            waiting[what, stage] = current
            if now - current.since >= self._stall_seconds:
                stalls.append(Stall(what, stage, now - current.since))
        self._waiting = waiting
        return stalls
