"""Telling phone pages what the stream processor says of them, from Redis, where each device's newest answer lies."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, cast

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from har.gateway_messages import GatewayMessage, ServerAnswer
from har.live import device_key
from har.predictions import decode_update

log = logging.getLogger(__name__)

#: Windows come every second.
LOOK_SECONDS = 0.25
RETRY_SECONDS = 2.0


class Listener(Protocol):
    """Who is told."""

    async def tell(self, message: GatewayMessage) -> None:
        """Hear a message."""


class ServerAnswers:
    """Looks after the devices that somebody listens for, and after no others.

    Parameters
    ----------
    url : str or None
        Redis; without it nobody hears anything.
    """

    def __init__(self, url: str | None) -> None:
        self._redis = None if url is None else Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)
        self._listeners: dict[str, set[Listener]] = defaultdict(set)
        self._told: dict[str, int] = {}
        self._anybody = asyncio.Event()

    @contextmanager
    def listening(self, listener: Listener, device: str) -> Iterator[None]:
        """Tell a listener each new answer for a device, within the context."""
        self._listeners[device].add(listener)
        self._anybody.set()
        try:
            yield
        finally:
            self._listeners[device].discard(listener)
            if not self._listeners[device]:
                del self._listeners[device]
                self._told.pop(device, None)
            if not self._listeners:
                self._anybody.clear()

    async def run(self) -> None:
        """Look, until cancelled."""
        if self._redis is None:
            return
        try:
            while True:
                await self._anybody.wait()
                try:
                    await self._look(self._redis)
                except (RedisError, OSError) as error:
                    log.warning("phone pages are not told what the processor says: %s", error)
                    await asyncio.sleep(RETRY_SECONDS)
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await self._redis.aclose()

    async def _look(self, redis: "Redis") -> None:
        devices = list(self._listeners)
        found = await redis.mget([device_key(device) for device in devices])
        for device, update in zip(devices, cast("list[bytes | None]", found), strict=True):
            if update is not None:
                await self._tell(device, update)

    async def _tell(self, device: str, update: bytes) -> None:
        try:
            prediction = decode_update(update).prediction
        except msgspec.MsgspecError as error:
            log.warning("what Redis holds for %s is no answer: %s", device, error)
            return
        if self._told.get(device) == prediction.start:
            return
        self._told[device] = prediction.start
        listeners = list(self._listeners.get(device, ()))
        await asyncio.gather(*(listener.tell(ServerAnswer(prediction)) for listener in listeners))
