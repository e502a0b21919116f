"""The feed from Redis: it subscribes to the live channel, and reads the devices' keys at each connection."""

import asyncio
import logging

import redis.asyncio
from redis.asyncio.client import PubSub

from dashboard.live_state import LiveState
from har.live import DEVICE_KEYS, FAULTS_CHANNEL, LIVE_CHANNEL, REJECTED_CHANNEL
from har.process.back_off import BackOff
from har.process.cancellation import leave_if_cancelled
from har.process.limited_log import LimitedLog
from har.process.redis_clients import OpenedRedis, failures_of, open_redis
from har.process.redis_commands import found_values
from har.process.redis_errors import words_of

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0
#: Time without a message after which Redis is pinged, s. It is also the timeout for the reply, and for connecting.
QUIET_SECONDS = 5.0
#: The feed lets other tasks run after this many messages.
MESSAGES_PER_TURN = 100
PURPOSE = "follow the live channel"

_FAILURES = failures_of(redis.asyncio)


class RedisFeed:
    """Feeds a `LiveState` from Redis.

    Parameters
    ----------
    url : str
        URL of Redis (`har.process.redis_address`).
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
        self._log = LimitedLog(logger, lines=3)

    async def run(self) -> None:
        """Follow Redis until cancelled. After a failure, connect again with a back-off of up to 5 s."""
        while True:
            try:
                await self._connect_and_follow()
            except _FAILURES as error:
                self._state.redis.note_failure(PURPOSE, error)
            await asyncio.sleep(self._back_off.next_pause())

    async def _connect_and_follow(self) -> None:
        # The client itself does not retry: only the loop in `run` also reads the updates that were missed.
        opened = open_redis(
            redis.asyncio, self._url, socket_connect_timeout=QUIET_SECONDS, socket_timeout=QUIET_SECONDS
        )
        try:
            await opened.client.initialize()  # a cluster's client has to know the nodes before it can subscribe
            async with opened.client.pubsub() as channel:
                # Subscribe first, so that no update is lost: messages that arrive meanwhile wait in the socket.
                await channel.subscribe(LIVE_CHANNEL, REJECTED_CHANNEL, FAULTS_CHANNEL)
                devices = await self._catch_up(opened)
                self._state.redis.note_success(PURPOSE)
                self._back_off.reset()
                logger.debug("subscribed to %s in Redis; read %d device keys", LIVE_CHANNEL, devices)
                await self._follow(channel)
        finally:
            await opened.aclose()

    async def _catch_up(self, opened: OpenedRedis["redis.asyncio.Redis"]) -> int:
        keys: set[bytes | str] = set()
        async for key in opened.client.scan_iter(match=DEVICE_KEYS, count=1_000):
            keys.add(key)
            if len(keys) >= self._max_devices:
                logger.warning("reached the limit of %d devices; ignoring further ones in Redis", self._max_devices)
                break
        async for key, found in found_values(opened, sorted(keys)):
            if isinstance(found, bytes):
                self._state.restore(found)
            else:
                self._state.undecodable += 1
                self._log.warn("WRONGTYPE", "cannot read the key %r in Redis: %s", key, words_of(found))
        return len(keys)

    async def _follow(self, channel: PubSub) -> None:
        is_pinged = False
        received = 0
        while True:
            leave_if_cancelled()
            message = await channel.get_message(timeout=QUIET_SECONDS)
            if message is not None:
                is_pinged = False
                if message["type"] == "message":
                    self._receive(message["channel"], message["data"])
                received += 1
                if received % MESSAGES_PER_TURN == 0:
                    await asyncio.sleep(0)  # reading messages that have already arrived never yields
            elif is_pinged:
                raise ConnectionError(f"no reply for {QUIET_SECONDS:g} s")
            else:
                await channel.ping()
                is_pinged = True

    def _receive(self, channel: bytes, message: bytes) -> None:
        if channel == REJECTED_CHANNEL.encode():
            self._state.receive_rejection(message)
        elif channel == FAULTS_CHANNEL.encode():
            self._state.receive_fault(message)
        else:
            self._state.receive(message)
