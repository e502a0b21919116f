"""Write each device's latest prediction, and the live stream for dashboards, to Redis.

Redis never holds the only copy of anything, so it may be slow or unavailable, or reject some or all commands. Updates
then wait in a bounded buffer, which drops the oldest. The stream continues, and the buffered updates are written when
Redis works again. Updates are published independently of the keys: what was published leaves the buffer, even if Redis
rejects the keys, for example because its memory is full.
"""

import asyncio
import logging
import os
import socket
from collections import deque

import msgspec
import redis.asyncio

from har.live import FAULTS_CHANNEL, LIVE_CHANNEL, REJECTED_CHANNEL
from har.notices import LiveFault, ReleaseRejected, encode_notice
from har.predictions import LiveUpdate, encode_update
from har.process.back_off import BackOff
from har.process.redis_clients import failures_of, open_redis
from har.process.redis_commands import Outcome, failed_of, first_error, publish_each
from har.process.redis_condition import RedisCondition, RedisFault
from har.process.redis_errors import Status
from har.process.redis_writing import write_forever
from stream_processor.latest_states import KeepingTimes, LatestStates
from stream_processor.metrics import ProcessorMetrics

log = logging.getLogger(__name__)

MAX_WAITING = 10_000
MAX_IN_ONE_TRIP = 500
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0
PURPOSE = "publish live updates"
NOTICES_PURPOSE = "publish notices for dashboards"

_FAILURES = failures_of(redis.asyncio)


class RedisReport(msgspec.Struct):
    """The state of Redis, on the pages `/live` and `/ready`. The stream does not depend on it.

    Attributes
    ----------
    status : {"untried", "available", "unavailable", "rejecting"}
        Whether there was no update yet, or Redis accepts updates, does not answer, or answers with errors.
    error : str or None
        What Redis, or its client, said last; None if the last attempts succeeded.
    since : int or None
        When the errors began, µs since the Unix epoch.
    updates_waiting : int
        Updates that are not published yet.
    states_waiting : int
        Devices whose latest prediction is not in Redis yet.
    """

    status: Status
    error: str | None
    since: int | None
    updates_waiting: int
    states_waiting: int


class LiveStateWriter:
    """Writes live updates to Redis in the background.

    Parameters
    ----------
    url : str
        The URL of Redis (`har.process.redis_address`).
    latest_seconds : int
        How long Redis keeps a device's latest prediction, s.
    metrics : ProcessorMetrics
        Counts dropped updates and errors, and shows whether Redis is up.
    """

    def __init__(self, url: str, *, latest_seconds: int, metrics: ProcessorMetrics) -> None:
        self._opened = open_redis(redis.asyncio, url)
        self._metrics = metrics
        self._waiting: deque[bytes] = deque()
        self._in_flight = 0
        self._notices: dict[str, bytes] = {}
        self._news = asyncio.Event()
        self._trip = MAX_IN_ONE_TRIP
        self._worker = f"{socket.gethostname()}-{os.getpid()}"
        self._condition = RedisCondition(
            log, on_error=lambda kind: metrics.redis_errors.labels(kind).inc(), on_change=metrics.redis_up.set
        )
        self._states = LatestStates(
            KeepingTimes(latest_seconds),
            self._condition,
            on_fault=self._announce_fault,
            on_end=lambda fault: self._announce_fault(fault, ended=True),
            on_dropped=metrics.live_dropped.inc,
        )

    def offer(self, update: LiveUpdate) -> None:
        """Queue an update without waiting; drop the oldest one if the queue is full."""
        message = encode_update(update)
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.popleft()
            self._metrics.live_dropped.inc()
        self._waiting.append(message)
        self._states.offer(update.prediction.device, message)
        self._news.set()

    def announce_rejection(self, rejected: ReleaseRejected) -> None:
        """Publish why a release was rejected; a newer notice replaces one that is not published yet."""
        self._notices[REJECTED_CHANNEL] = encode_notice(rejected)
        self._news.set()

    def report(self) -> RedisReport:
        """Return the state of Redis."""
        fault = self._condition.fault
        return RedisReport(
            self._condition.status,
            None if fault is None else fault.words,
            None if fault is None else fault.since,
            len(self._waiting) + self._in_flight,
            len(self._states),
        )

    async def run(self) -> None:
        """Write updates until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                back_off = BackOff(FIRST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS)
                tasks.create_task(write_forever(self._news, self._publish_all, self._note, back_off))
                tasks.create_task(self._states.run(self._opened))
        finally:
            await self._opened.aclose()

    async def _note(self, error: Exception | None) -> None:
        if error is None:
            self._condition.note_success(PURPOSE)
        else:
            self._condition.note_failure(PURPOSE, error)

    async def _publish_all(self) -> Exception | None:
        """Publish what waits; stop at the first trip with an error, and return that error."""
        while self._waiting or self._notices:
            notices, self._notices = self._notices, {}
            updates = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._trip))]
            messages = [*((LIVE_CHANNEL, update) for update in updates), *notices.items()]
            self._in_flight = len(updates)
            error: Exception | None = None
            failed = messages
            try:
                outcomes = await publish_each(self._opened, messages)
                error = first_error(outcomes[: len(updates)])
                failed = failed_of(messages, outcomes)
                if error is None:
                    # A notice that Redis rejects must not delay updates; it is repeated while its reason lasts.
                    self._note_notices(outcomes[len(updates) :])
                    failed = []
                self._trip = min(2 * self._trip, MAX_IN_ONE_TRIP)
            except _FAILURES as raised:
                # Some may have been published. Fewer at a time make progress even if the connection breaks each time.
                error = raised
                self._trip = max(1, self._trip // 2)
            finally:
                self._in_flight = 0
                self._put_back(failed)
            if error is not None:
                return error
        return None

    def _note_notices(self, outcomes: list[Outcome]) -> None:
        error = first_error(outcomes)
        if error is not None:
            self._condition.note_failure(NOTICES_PURPOSE, error)
        elif outcomes:
            self._condition.note_success(NOTICES_PURPOSE)

    def _put_back(self, messages: list[tuple[str, bytes]]) -> None:
        for channel, message in reversed(messages):
            if channel != LIVE_CHANNEL:
                self._notices.setdefault(channel, message)
            elif len(self._waiting) < MAX_WAITING:
                self._waiting.appendleft(message)
            else:
                self._metrics.live_dropped.inc()

    def _announce_fault(self, fault: RedisFault, *, ended: bool = False) -> None:
        notice = LiveFault(self._worker, fault.since, fault.words, ended)
        self._notices[FAULTS_CHANNEL] = encode_notice(notice)
        self._news.set()
