"""Write each device's latest prediction, and the live stream for dashboards, to Redis.

Redis never holds the only copy of anything, so it may be slow or unavailable. Updates then wait in a bounded buffer,
which drops the oldest. The stream continues, and the buffered updates are written when Redis is back.
"""

import asyncio
import logging
from collections import deque

from redis.asyncio import Redis
from redis.exceptions import RedisError

from har.live import LIVE_CHANNEL, REJECTED_CHANNEL, device_key
from har.predictions import LiveUpdate, encode_update
from har.process.back_off import BackOff
from har.process.cancellation import leave_if_cancelled
from har.release_rejections import ReleaseRejected, encode_rejected
from stream_processor.metrics import ProcessorMetrics

log = logging.getLogger(__name__)

MAX_WAITING = 10_000
MAX_IN_ONE_TRIP = 500
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0


class LiveStateWriter:
    """Writes live updates to Redis in the background.

    Parameters
    ----------
    url : str
        The URL of Redis.
    latest_seconds : int
        How long Redis keeps a device's latest prediction, s.
    metrics : ProcessorMetrics
        Counts dropped updates and shows whether Redis is up.
    """

    def __init__(self, url: str, *, latest_seconds: int, metrics: ProcessorMetrics) -> None:
        self._redis: Redis = Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)
        self._latest_seconds = latest_seconds
        self._metrics = metrics
        self._waiting: deque[LiveUpdate] = deque(maxlen=MAX_WAITING)
        self._rejected: ReleaseRejected | None = None
        self._news = asyncio.Event()
        self._is_up = True

    def offer(self, update: LiveUpdate) -> None:
        """Queue an update without waiting; drop the oldest one if the queue is full."""
        if len(self._waiting) == MAX_WAITING:
            self._metrics.live_dropped.inc()
        self._waiting.append(update)
        self._news.set()

    def announce_rejection(self, rejected: ReleaseRejected) -> None:
        """Publish why a release was rejected; a newer notice replaces one that is not published yet."""
        self._rejected = rejected
        self._news.set()

    async def run(self) -> None:
        """Write updates until cancelled."""
        back_off = BackOff(FIRST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS)
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                try:
                    await self._write_all()
                except (RedisError, OSError) as error:
                    if self._is_up:
                        log.warning("cannot reach Redis, so live updates wait: %s", error)
                    self._note_up(False)
                    self._news.set()
                    await asyncio.sleep(back_off.next_pause())
                else:
                    self._note_up(True)
                    back_off.reset()
                leave_if_cancelled()
        finally:
            await self._redis.aclose()

    def _note_up(self, is_up: bool) -> None:
        self._is_up = is_up
        self._metrics.redis_up.set(is_up)

    async def _write_all(self) -> None:
        if self._rejected is not None:
            await self._redis.publish(REJECTED_CHANNEL, encode_rejected(self._rejected))
            self._rejected = None
        while self._waiting:
            updates = [self._waiting[n] for n in range(min(len(self._waiting), MAX_IN_ONE_TRIP))]
            await self._write(updates)
            for update in updates:
                # The buffer may have dropped some of these meanwhile.
                if self._waiting and self._waiting[0] is update:
                    self._waiting.popleft()

    async def _write(self, updates: list[LiveUpdate]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        latest: dict[str, bytes] = {}
        for update in updates:
            message = encode_update(update)
            latest[update.prediction.device] = message
            pipeline.publish(LIVE_CHANNEL, message)
        for device, message in latest.items():
            pipeline.set(device_key(device), message, ex=self._latest_seconds)
        await pipeline.execute()
