"""The worker's health: the pages `/live` and `/ready`, and an end to a worker that is stuck.

A supervisor (Compose, Kubernetes, systemd, `har demo`) starts a worker again when it ends. A worker whose
partition stalls therefore ends itself: whoever gets the partition reads on from the committed offset.
"""

import asyncio
import faulthandler
import logging
from collections.abc import Awaitable, Callable

import msgspec

from stream_processor.progress import PartitionProgress, Stall, StallWatch

log = logging.getLogger(__name__)

CHECK_SECONDS = 1.0
#: A worker that has given up ends after this at the latest, whatever hangs.
LEAVE_SECONDS = 10.0


class StalledError(RuntimeError):
    """A partition did not move although there was something to do."""


def end_by_force_after(seconds: float | None) -> None:
    """Make the process end after so many seconds, telling on standard error where every thread stands.

    The timer runs outside of the interpreter's threads, so it also ends a process whose event loop is blocked.
    """
    if seconds is None:
        faulthandler.cancel_dump_traceback_later()
    else:
        faulthandler.dump_traceback_later(seconds, exit=True)


class HealthReport(msgspec.Struct):
    """What the pages say.

    Attributes
    ----------
    alive : bool
        No partition is stalled.
    ready : bool
        Alive, a member of the consumer group, and not in a rebalance.
    stalls : list of Stall
        What is stuck.
    partitions : list of PartitionProgress
        Where the worker stands in each of its partitions.
    """

    alive: bool
    ready: bool
    stalls: list[Stall]
    partitions: list[PartitionProgress]


class Health:
    """Judges a worker by the progress of its partitions.

    Parameters
    ----------
    stall_seconds : float
        How long something may be due in a partition without any progress; also how long the event loop may
        be blocked.
    progress : callable
        Gives each assigned partition's progress.
    is_member : callable
        Whether the worker has its assignment from the consumer group.
    set_last_resort : callable
        Sets after how many seconds the process ends by force, unless it is called again before; None for never.
    """

    def __init__(
        self,
        stall_seconds: float,
        progress: Callable[[], list[PartitionProgress]],
        is_member: Callable[[], bool],
        set_last_resort: Callable[[float | None], None] = end_by_force_after,
    ) -> None:
        self._stall_seconds = stall_seconds
        self._progress = progress
        self._is_member = is_member
        self._set_last_resort = set_last_resort
        self._watch = StallWatch(stall_seconds)
        self._membership = StallWatch(stall_seconds)
        self._stalls: list[Stall] = []

    def report(self) -> HealthReport:
        """Return the present state, stalls as of the latest check."""
        alive = not self._stalls
        return HealthReport(alive, alive and self._is_member(), self._stalls, self._progress())

    async def watch(self, give_up: Callable[[BaseException], Awaitable[None]]) -> None:
        """Check every second until something is stuck; then call `give_up` and see to it that the process ends."""
        try:
            while not self._stalls:
                self._set_last_resort(self._stall_seconds)
                await asyncio.sleep(CHECK_SECONDS)
                self._stalls = self._watch.observe(self._progress()) + self._outside_of_group()
        finally:
            # From here on the worker is leaving, because of a stall or because it was told to.
            self._set_last_resort(LEAVE_SECONDS)
        said = ", ".join(f"{stall.partition} {stall.stage} for {stall.seconds:.0f} s" for stall in self._stalls)
        log.error("nothing moves: %s; this worker ends, to be started again", said)
        await give_up(StalledError(said))

    def _outside_of_group(self) -> list[Stall]:
        """Tell of a worker that never gets an assignment: it waits as a partition of which nothing is read."""
        outside = [] if self._is_member() else [PartitionProgress("the consumer group", end=1, taken_until=0)]
        return self._membership.observe(outside)
