"""Whether a worker gets on with its partitions: what liveness is judged by.

Consumers have been known to fall silent without an error, so a worker is not alive because its process
runs, but because every partition moves whenever there is something to do: messages are read, windows are
confirmed by Kafka, and acknowledged offsets are committed. Events that are merely held, because a session's
next window still needs them, are no stall.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import msgspec

Stage = Literal["reading", "publishing", "committing", "joining", "answering"]


class Due(NamedTuple):
    """Something that has to be done: what for, which step, and a number that changes when it moves."""

    what: str
    stage: Stage
    marker: int | None


class PartitionProgress(msgspec.Struct, frozen=True):
    """Where a worker stands in one partition; offsets are those of the next message.

    Attributes
    ----------
    partition : str
        ``topic/partition``.
    begin, end : int or None
        The first offset that the log holds, and the one after its last; None while it is not known.
    taken_until : int or None
        Messages below were taken into window state; None before the first.
    acknowledged_until : int or None
        Messages below are done: no window to come needs them, and Kafka has every window that did.
    committed : int or None
        What was last committed, or found committed, for the consumer group; None if nothing ever was.
    held : int
        Messages taken and not acknowledged.
    unconfirmed, confirmed : int
        Pieces of work whose windows are on their way, and those that Kafka has confirmed since the start.
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
        """Messages in the log that were not taken yet; None while it is not known.

        It is negative if the group has committed more than the log holds, as after a topic was made anew:
        nothing would be read until the log is as long as before.
        """
        if self.begin is None or self.end is None:
            return None
        read_until = self.committed if self.taken_until is None else self.taken_until
        return self.end - max(self.begin, read_until or 0)

    def due(self) -> Iterator[Due]:
        """Yield each step that has something to do."""
        if self.lag:
            yield Due(self.partition, "reading", self.taken_until)
        if self.unconfirmed:
            yield Due(self.partition, "publishing", self.confirmed)
        if self.acknowledged_until is not None and self.acknowledged_until > (self.committed or 0):
            yield Due(self.partition, "committing", self.committed)


class Stall(msgspec.Struct, frozen=True):
    """Something that does not move although it should; `what` is a partition, the group, or Kafka."""

    what: str
    stage: Stage
    seconds: float


@dataclass
class _Waiting:
    marker: int | None
    since: float


class StallWatch:
    """Tells what has not moved for too long.

    Parameters
    ----------
    stall_seconds : float
        How long something may be due without any progress.
    clock : callable
        Monotonic seconds.

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
        """Compare with the observations before; what is not due any more is forgotten."""
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
