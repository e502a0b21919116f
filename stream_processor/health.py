"""The worker's health: the pages `/live` and `/ready`, and an end to a worker that is stuck.

A supervisor (Compose, Kubernetes, systemd, `har demo`) starts a worker again when it ends. A worker whose
partition stalls therefore ends itself: whoever gets the partition reads on from the committed offset.
"""

import asyncio
import faulthandler
import logging
from collections.abc import Awaitable, Callable, Iterator

import msgspec

from stream_processor.progress import Due, PartitionProgress, Stall, StallWatch

log = logging.getLogger(__name__)

CHECK_SECONDS = 1.0
#: A worker that leaves ends after this at the latest, whatever hangs.
#: It is less than what supervisors usually wait before they kill, so that the reason is told.
LEAVE_SECONDS = 6.0


class StalledError(RuntimeError):
    """A partition did not move although there was something to do."""


class LastResort:
    """Ends the process by force, telling on standard error where every thread stands, unless it is put off.

    The timer runs outside of the interpreter's threads, so it also ends a process whose event loop is blocked.
    """

    def __init__(self) -> None:
        self._is_leaving = False

    def put_off(self, seconds: float) -> None:
        """Let the process live for so many seconds more; without effect once it is leaving."""
        if not self._is_leaving:
            faulthandler.dump_traceback_later(seconds, exit=True)

    def leave(self) -> None:
        """Give the process `LEAVE_SECONDS` to end by itself."""
        if not self._is_leaving:
            self._is_leaving = True
            faulthandler.dump_traceback_later(LEAVE_SECONDS, exit=True)


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
        How long something may be due without any progress; also how long the event loop may be blocked.
    progress : callable
        Gives each assigned partition's progress.
    is_member : callable
        Whether the worker has its assignment from the consumer group.
    kafka_answers : callable
        How often Kafka has answered, through the consumer's own connections.
    last_resort : LastResort
        Ends the process if it cannot end itself.
    """

    def __init__(
        self,
        stall_seconds: float,
        progress: Callable[[], list[PartitionProgress]],
        is_member: Callable[[], bool],
        kafka_answers: Callable[[], int],
        last_resort: LastResort,
    ) -> None:
        self._stall_seconds = stall_seconds
        self._progress = progress
        self._is_member = is_member
        self._kafka_answers = kafka_answers
        self._last_resort = last_resort
        self._watch = StallWatch(stall_seconds)
        self._stalls: list[Stall] = []

    def report(self) -> HealthReport:
        """Return the present state, stalls as of the latest check."""
        alive = not self._stalls
        return HealthReport(alive, alive and self._is_member(), self._stalls, self._progress())

    async def watch(self, give_up: Callable[[BaseException], Awaitable[None]]) -> None:
        """Check every second until something is stuck; then call `give_up` and see to it that the process ends."""
        try:
            while not self._stalls:
                self._last_resort.put_off(self._stall_seconds)
                await asyncio.sleep(CHECK_SECONDS)
                self._stalls = self._watch.observe(self._due())
        finally:
            # From here on the worker is leaving, because of a stall or because it was told to.
            self._last_resort.leave()
        said = ", ".join(f"{stall.what} {stall.stage} for {stall.seconds:.0f} s" for stall in self._stalls)
        log.error("nothing moves: %s; this worker ends, to be started again", said)
        await give_up(StalledError(said))

    def _due(self) -> Iterator[Due]:
        yield Due("Kafka", "answering", self._kafka_answers())
        if not self._is_member():
            yield Due("the consumer group", "joining", None)
            return
        for progress in self._progress():
            yield from progress.due()
