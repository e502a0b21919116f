"""Write the newest announcements to Redis, independently of Kafka: a Redis that fails delays no announcement there."""

import asyncio
import logging
from contextlib import suppress

import redis.asyncio

from har.channels import Channel
from har.live import RELEASES_CHANNEL, RELEASES_KEY
from har.process.back_off import BackOff
from har.process.cancellation import leave_if_cancelled
from har.process.redis_clients import OpenedRedis, failures_of, open_redis
from har.process.redis_condition import RedisCondition

log = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 10.0
PURPOSE = "announce the store's channels in Redis"

_FAILURES = failures_of(redis.asyncio)


class RedisAnnouncer:
    """Publishes each announcement once, and keeps the newest in a hash, which may be emptied at any time.

    Parameters
    ----------
    url : str
        URL of Redis (`har.process.redis_address`).
    look_seconds : float
        Time between two checks of the hash, s.

    Attributes
    ----------
    condition : RedisCondition
        Whether Redis works.
    """

    def __init__(self, url: str, look_seconds: float) -> None:
        self._url = url
        self._look_seconds = look_seconds
        self._newest: dict[Channel, bytes] = {}
        self._unpublished: dict[Channel, bytes] = {}
        self._news = asyncio.Event()
        self.condition = RedisCondition(log)

    def offer(self, channel: Channel, announcement: bytes) -> None:
        """Announce a channel's change; it replaces an earlier one that is not written yet."""
        self._newest[channel] = self._unpublished[channel] = announcement
        self._news.set()

    async def run(self) -> None:
        """Write until cancelled."""
        opened = open_redis(redis.asyncio, self._url)
        back_off = BackOff(self._look_seconds, longest=LONGEST_PAUSE_SECONDS)
        try:
            while True:
                try:
                    await self._write(opened)
                except _FAILURES as error:
                    self.condition.note_failure(PURPOSE, error)
                    await asyncio.sleep(back_off.next_pause())
                else:
                    if self._newest:
                        self.condition.note_success(PURPOSE)
                    back_off.reset()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._news.wait(), self._look_seconds)
                    self._news.clear()
                leave_if_cancelled()
        finally:
            await opened.aclose()

    async def _write(self, opened: OpenedRedis["redis.asyncio.Redis"]) -> None:
        """Publish and write the hash; one is done even if Redis rejects the other.

        Raises
        ------
        Exception
            One of `_FAILURES`.
        """
        errors: list[Exception] = []
        for attempt in (self._publish, self._refresh):
            try:
                await attempt(opened)
            except _FAILURES as error:
                errors.append(error)
        if errors:
            raise errors[0]

    async def _publish(self, opened: OpenedRedis["redis.asyncio.Redis"]) -> None:
        for channel, announcement in list(self._unpublished.items()):
            await opened.client.publish(RELEASES_CHANNEL, announcement)
            if self._unpublished.get(channel) == announcement:
                del self._unpublished[channel]

    async def _refresh(self, opened: OpenedRedis["redis.asyncio.Redis"]) -> None:
        if not self._newest:
            return
        found = await opened.client.hgetall(RELEASES_KEY)
        for channel, announcement in list(self._newest.items()):
            if found.get(channel.encode()) != announcement:
                await opened.client.hset(RELEASES_KEY, channel, announcement)
