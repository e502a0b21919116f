"""The worker's health: the pages `/live` and `/ready`, and the end of a stuck worker.

A supervisor (Compose, Kubernetes, systemd, `har demo`) restarts a worker when it ends. A worker with a stalled
partition therefore ends itself. The next worker with that partition continues from the committed offset.
"""

import asyncio
import faulthandler
import logging
from collections.abc import Awaitable, Callable, Iterator

import msgspec

from har import topics
from stream_processor.earlier_predictions import ReadingBack
from stream_processor.live_state import RedisReport
from stream_processor.progress import Due, PartitionProgress, Stall, StallWatch

log = logging.getLogger(__name__)

CHECK_SECONDS = 1.0
#: A worker that is exiting is ended by force after this time, s. It is shorter than the time after which supervisors
#: usually kill, so that the reason is still logged.
EXIT_SECONDS = 6.0


class StalledError(RuntimeError):
    """A partition, the consumer group or Kafka made no progress although something was due."""


class Watchdog:
    """Ends the process by force unless it is reset in time; prints each thread's traceback on standard error.

    The timer runs outside of the interpreter's threads, so it also ends a process whose event loop is blocked.
    """

    def __init__(self) -> None:
        self._is_exiting = False

    def reset(self, seconds: float) -> None:
        """Restart the timer with a number of seconds; no effect once the process is exiting."""
        if not self._is_exiting:
            faulthandler.dump_traceback_later(seconds, exit=True)

    def begin_exit(self) -> None:
        """Note that the process is exiting: it has `EXIT_SECONDS` to end by itself."""
        if not self._is_exiting:
            self._is_exiting = True
            faulthandler.dump_traceback_later(EXIT_SECONDS, exit=True)


class HealthReport(msgspec.Struct):
    """The content of the pages `/live` and `/ready`.

    Attributes
    ----------
    alive : bool
        Whether nothing is stalled.
    ready : bool
        Whether the worker is alive, a member of the consumer group, and not in a rebalance, and the group has
        partitions to read.
    reason : str or None
        Why it is not ready; None if it is.
    spare : bool
        Whether it is ready and has no partition, because the group has more workers than partitions: it takes over
        when another worker ends.
    stalls : list of Stall
        What is stalled.
    partitions : list of PartitionProgress
        The progress of each assigned partition.
    reading_back : ReadingBack or None
        The predictions that are read back before sessions continue; None if nothing is.
    redis : RedisReport or None
        The state of Redis. A worker is ready without it: predictions reach Kafka.
    """

    alive: bool
    ready: bool
    reason: str | None
    spare: bool
    stalls: list[Stall]
    partitions: list[PartitionProgress]
    redis: RedisReport | None = None
    reading_back: ReadingBack | None = None


class Health:
    """Judges a worker by the progress of its partitions.

    Parameters
    ----------
    stall_seconds : float
        How long something may be due without any progress, s; also how long the event loop may be blocked.
    progress : callable
        Returns the progress of each assigned partition.
    is_member : callable
        Returns whether the worker has its assignment from the consumer group.
    kafka_answers : callable
        Returns how often Kafka has answered on the consumer's own connections.
    watchdog : Watchdog
        Ends the process if it hangs.
    redis : callable, optional
        Returns the state of Redis.
    nothing_to_read : callable, optional
        Returns why the consumer group has no partition to read; None if it has.
    reading_back : callable, optional
        Returns which predictions are being read back; None if none are.
    """

    def __init__(
        self,
        stall_seconds: float,
        progress: Callable[[], list[PartitionProgress]],
        is_member: Callable[[], bool],
        kafka_answers: Callable[[], int],
        watchdog: Watchdog,
        *,
        redis: Callable[[], RedisReport] | None = None,
        nothing_to_read: Callable[[], str | None] = lambda: None,
        reading_back: Callable[[], ReadingBack | None] = lambda: None,
    ) -> None:
        self._stall_seconds = stall_seconds
        self._progress = progress
        self._is_member = is_member
        self._kafka_answers = kafka_answers
        self._watchdog = watchdog
        self._redis = redis
        self._nothing_to_read = nothing_to_read
        self._reading_back = reading_back
        self._watch = StallWatch(stall_seconds)
        self._stalls: list[Stall] = []

    def report(self) -> HealthReport:
        """Return the current state; stalls are those of the latest check."""
        partitions = self._progress()
        reason = self._unready_reason()
        return HealthReport(
            alive=not self._stalls,
            ready=reason is None,
            reason=reason,
            spare=reason is None and not partitions,
            stalls=self._stalls,
            partitions=partitions,
            redis=None if self._redis is None else self._redis(),
            reading_back=self._reading_back(),
        )

    async def watch(self, give_up: Callable[[BaseException], Awaitable[None]]) -> None:
        """Check every second until something is stalled; then start the exit timer and call `give_up`."""
        try:
            while not self._stalls:
                self._watchdog.reset(self._stall_seconds)
                await asyncio.sleep(CHECK_SECONDS)
                self._stalls = self._watch.observe(self._due())
        finally:
            # The worker is exiting from here on, because of a stall or because it was asked to.
            self._watchdog.begin_exit()
        described = _described(self._stalls)
        log.error("no progress: %s; stopping this worker so that it is restarted", described)
        await give_up(StalledError(described))

    def _unready_reason(self) -> str | None:
        if self._stalls:
            return f"no progress: {_described(self._stalls)}"
        if not self._is_member():
            return "the worker is joining its consumer group"
        reading = self._reading_back()
        if reading is not None:
            return f"the worker is reading back predictions ({reading.messages} of partition {reading.partition})"
        return self._nothing_to_read()

    def _due(self) -> Iterator[Due]:
        yield Due("Kafka", "answering", self._kafka_answers())
        if not self._is_member():
            yield Due("the consumer group", "joining", None)
            return
        reading = self._reading_back()
        if reading is not None:
            # Windows wait for it, and the queue may be full: nothing else has to advance.
            yield Due(f"{topics.PREDICTIONS.name}/{reading.partition}", "reading", reading.messages)
            return
        for progress in self._progress():
            yield from progress.due()


def _described(stalls: list[Stall]) -> str:
    return ", ".join(f"{stall.what} {stall.stage} (stalled for {stall.seconds:.0f} s)" for stall in stalls)
