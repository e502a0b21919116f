"""Follows the live channel in Redis, and catches up from the devices' keys after every interruption."""

import asyncio
import logging
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from dashboard.live_state import LiveState
from har.live import DEVICE_KEYS, LIVE_CHANNEL, REJECTED_CHANNEL
from har.process.back_off import BackOff
from har.process.cancellation import leave_if_cancelled

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0
#: Seconds of silence after which Redis is asked whether it is there, and in which it must answer.
QUIET_SECONDS = 5.0
KEYS_AT_ONCE = 100
MESSAGES_AT_ONCE = 100


class RedisFeed:
    """Feeds a `LiveState` from Redis, for ever.

    Parameters
    ----------
    url : str
        Such as ``redis://127.0.0.1:6379/0``.
    state : LiveState
        What to feed.
    max_devices : int
        Device keys read at most when catching up.
    """

    def __init__(self, url: str, state: LiveState, *, max_devices: int) -> None:
        self._url = url
        self._state = state
        self._max_devices = max_devices
        self._back_off = BackOff(FIRST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS)

    async def run(self) -> None:
        """Follow Redis until cancelled: after a failure try again, waiting longer and longer (to 5 s)."""
        while True:
            try:
                await self._connect_and_follow()
            except (RedisError, OSError) as error:
                if self._state.redis_unavailable_since is None:
                    logger.warning("Redis at %s is unavailable: %s", _without_password(self._url), error)
                self._state.redis_failed()
            await asyncio.sleep(self._back_off.next_pause())

    async def _connect_and_follow(self) -> None:
        # Our own loop is the only one that tries again: it also catches up on what was missed.
        client = Redis.from_url(
            self._url,
            socket_connect_timeout=QUIET_SECONDS,
            socket_timeout=QUIET_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        async with client, client.pubsub() as channel:
            # Subscribing first leaves no gap: what is published during the catch-up waits in the socket.
            await channel.subscribe(LIVE_CHANNEL, REJECTED_CHANNEL)
            devices = await self._catch_up(client)
            if self._state.redis_unavailable_since is not None:
                logger.warning("Redis is available again")
            self._state.redis_answers()
            self._back_off.reset()
            logger.info("Following %s in Redis, %d devices known", LIVE_CHANNEL, devices)
            await self._follow(channel)

    async def _catch_up(self, client: Redis) -> int:
        keys: set[bytes | str] = set()
        async for key in client.scan_iter(match=DEVICE_KEYS, count=1_000):
            keys.add(key)
            if len(keys) >= self._max_devices:
                logger.warning("Redis holds more than %d devices: not all are shown", self._max_devices)
                break
        ordered = sorted(keys)
        for first in range(0, len(ordered), KEYS_AT_ONCE):
            for value in await client.mget(ordered[first : first + KEYS_AT_ONCE]):
                if isinstance(value, bytes):
                    self._state.restore(value)
        return len(ordered)

    async def _follow(self, channel: PubSub) -> None:
        asked = False
        received = 0
        while True:
            leave_if_cancelled()
            message = await channel.get_message(timeout=QUIET_SECONDS)
            if message is not None:
                asked = False
                if message["type"] == "message" and message["channel"] == REJECTED_CHANNEL.encode():
                    self._state.receive_rejected(message["data"])
                elif message["type"] == "message":
                    self._state.receive(message["data"])
                received += 1
                if received % MESSAGES_AT_ONCE == 0:
                    await asyncio.sleep(0)  # reading what has arrived already never yields by itself
            elif asked:
                raise ConnectionError(f"no answer for {QUIET_SECONDS:g} s")
            else:
                await channel.ping()
                asked = True


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
