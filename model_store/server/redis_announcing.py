"""Write the newest announcements to Redis, independently of Kafka: a Redis that fails delays no announcement there."""

import asyncio
import logging

import redis.asyncio

from har.channels import Channel
from har.live import RELEASES_CHANNEL, RELEASES_KEY
from har.process.back_off import BackOff
from har.process.redis_clients import OpenedRedis, failures_of, open_redis
from har.process.redis_condition import RedisCondition
from har.process.redis_writing import write_forever

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
            await write_forever(
                self._news, lambda: self._write(opened), self._note, back_off, look_seconds=self._look_seconds
            )
        finally:
            await opened.aclose()

    async def _note(self, error: Exception | None) -> None:
        if error is not None:
            self.condition.note_failure(PURPOSE, error)
        elif self._newest:
            self.condition.note_success(PURPOSE)

    async def _write(self, opened: OpenedRedis["redis.asyncio.Redis"]) -> Exception | None:
        """Publish and write the hash; one is done even if Redis rejects the other. Return the first error."""
        errors: list[Exception] = []
        for attempt in (self._publish, self._refresh):
            try:
                await attempt(opened)
            except _FAILURES as error:
                errors.append(error)
        return errors[0] if errors else None

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
