"""The feed from Redis: it subscribes to the live channel, and reads the devices' keys at each connection."""

import asyncio
import logging

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from dashboard.live_state import LiveState
from har.live import DEVICE_KEYS, LIVE_CHANNEL, REJECTED_CHANNEL
from har.process.back_off import BackOff
from har.process.cancellation import leave_if_cancelled
from har.process.settings import masked_url

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0
#: Time without a message after which Redis is pinged, s. It is also the timeout for the reply, and for connecting.
QUIET_SECONDS = 5.0
KEYS_PER_REQUEST = 100
#: The feed lets other tasks run after this many messages.
MESSAGES_PER_TURN = 100


class RedisFeed:
    """Feeds a `LiveState` from Redis.

    Parameters
    ----------
    url : str
        URL of Redis, such as ``redis://127.0.0.1:6379/0``.
    state : LiveState
        The live state to update.
    max_devices : int
        Maximum number of device keys read at each connection.
    """

    def __init__(self, url: str, state: LiveState, *, max_devices: int) -> None:
        self._url = url
        self._state = state
        self._max_devices = max_devices
        self._back_off = BackOff(FIRST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS)

    async def run(self) -> None:
        """Follow Redis until cancelled. After a failure, connect again with a back-off of up to 5 s."""
        while True:
            try:
                await self._connect_and_follow()
            except (RedisError, OSError) as error:
                if self._state.redis_unavailable_since is None:
                    logger.warning("Redis at %s is unavailable: %s", masked_url(self._url), error)
                self._state.note_redis_unavailable()
            await asyncio.sleep(self._back_off.next_pause())

    async def _connect_and_follow(self) -> None:
        # The client itself must not retry: only the loop in `run` also reads the updates that were missed.
        client = Redis.from_url(
            self._url,
            socket_connect_timeout=QUIET_SECONDS,
            socket_timeout=QUIET_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        async with client, client.pubsub() as channel:
            # Subscribe first, so that no update is lost: messages that arrive during the catch-up wait in the socket.
            await channel.subscribe(LIVE_CHANNEL, REJECTED_CHANNEL)
            devices = await self._catch_up(client)
            if self._state.redis_unavailable_since is not None:
                logger.warning("Redis is available again")
            self._state.note_redis_available()
            self._back_off.reset()
            logger.info("subscribed to %s in Redis; read %d device keys", LIVE_CHANNEL, devices)
            await self._follow(channel)

    async def _catch_up(self, client: Redis) -> int:
        keys: set[bytes | str] = set()
        async for key in client.scan_iter(match=DEVICE_KEYS, count=1_000):
            keys.add(key)
            if len(keys) >= self._max_devices:
                logger.warning("reached the limit of %d devices; ignoring further ones in Redis", self._max_devices)
                break
        ordered = sorted(keys)
        for first in range(0, len(ordered), KEYS_PER_REQUEST):
            for value in await client.mget(ordered[first : first + KEYS_PER_REQUEST]):
                if isinstance(value, bytes):
                    self._state.restore(value)
        return len(ordered)

    async def _follow(self, channel: PubSub) -> None:
        is_pinged = False
        received = 0
        while True:
            leave_if_cancelled()
            message = await channel.get_message(timeout=QUIET_SECONDS)
            if message is not None:
                is_pinged = False
                if message["type"] == "message" and message["channel"] == REJECTED_CHANNEL.encode():
                    self._state.receive_rejection(message["data"])
                elif message["type"] == "message":
                    self._state.receive(message["data"])
                received += 1
                if received % MESSAGES_PER_TURN == 0:
                    await asyncio.sleep(0)  # reading messages that have already arrived never yields
            elif is_pinged:
                raise ConnectionError(f"no reply for {QUIET_SECONDS:g} s")
            else:
                await channel.ping()
                is_pinged = True
