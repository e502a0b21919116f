"""Whether a worker gets on with its partitions: what liveness is judged by.

Consumers have been known to fall silent without an error, so a worker is not alive because its process
runs, but because every partition moves whenever there is something to do: messages are read, windows are
confirmed by Kafka, and acknowledged offsets are committed. Events that are merely held, because a session's
next window still needs them, are no stall.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import msgspec

Stage = Literal["reading", "publishing", "committing"]


class PartitionProgress(msgspec.Struct, frozen=True):
    """Where a worker stands in one partition; offsets are those of the next message.

    Attributes
    ----------
    partition : str
        ``topic/partition``.
    end : int or None
        Offset after the last message in the log, as the latest fetch told.
    taken_until : int or None
        Messages below were taken into window state; None before the first.
    acknowledged_until : int or None
        Messages below are done: no window to come needs them, and Kafka has every window that did.
    committed : int or None
        What the consumer group would read next after a restart; None if it never committed.
    held : int
        Messages taken and not acknowledged.
    unconfirmed, confirmed : int
        Pieces of work whose windows are on their way, and those that Kafka has confirmed since the start.
    """

    partition: str
    end: int | None = None
    taken_until: int | None = None
    acknowledged_until: int | None = None
    committed: int | None = None
    held: int = 0
    unconfirmed: int = 0
    confirmed: int = 0

    @property
    def lag(self) -> int | None:
        """Messages in the log that were not taken yet; None while it is not known."""
        read_until = self.committed if self.taken_until is None else self.taken_until
        return max(0, self.end - read_until) if self.end is not None and read_until is not None else None


class Stall(msgspec.Struct, frozen=True):
    """A partition that does not move although it should."""

    partition: str
    stage: Stage
    seconds: float


@dataclass
class _Waiting:
    marker: int | None
    since: float


class StallWatch:
    """Tells which partitions have not moved for too long.

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
    >>> watch.observe([PartitionProgress("samples/0", end=9, taken_until=5)])
    []
    >>> now = 61.0
    >>> watch.observe([PartitionProgress("samples/0", end=9, taken_until=5)])
    [Stall(partition='samples/0', stage='reading', seconds=61.0)]
    """

    def __init__(self, stall_seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stall_seconds = stall_seconds
        self._clock = clock
        self._waiting: dict[tuple[str, Stage], _Waiting] = {}

    def observe(self, partitions: Iterable[PartitionProgress]) -> list[Stall]:
        """Compare with the observations before; partitions that are not given are forgotten."""
        now = self._clock()
        waiting: dict[tuple[str, Stage], _Waiting] = {}
        stalls = []
        for progress in partitions:
            for stage, marker in _due(progress):
                key = progress.partition, stage
                before = self._waiting.get(key)
                current = before if before is not None and before.marker == marker else _Waiting(marker, now)
                waiting[key] = current
                if now - current.since >= self._stall_seconds:
                    stalls.append(Stall(progress.partition, stage, now - current.since))
        self._waiting = waiting
        return stalls


def _due(progress: PartitionProgress) -> Iterable[tuple[Stage, int | None]]:
    """Yield each stage that has something to do, with the number that grows when it does it."""
    if progress.lag:
        yield "reading", progress.taken_until
    if progress.unconfirmed:
        yield "publishing", progress.confirmed
    if progress.acknowledged_until is not None and progress.acknowledged_until > (progress.committed or 0):
        yield "committing", progress.committed
