"""Forwarding of the stream processor's predictions to phone pages, from the latest update of each device in Redis."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, cast

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from har.gateway_messages import GatewayMessage, ServerPrediction
from har.live import device_key
from har.predictions import decode_update
from har.process.back_off import BackOff

log = logging.getLogger(__name__)

#: Interval between reads; by default a device has a new prediction every second.
POLL_SECONDS = 0.25
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 4.0


class Listener(Protocol):
    """A receiver of predictions."""

    async def notify(self, message: GatewayMessage) -> None:
        """Receive a message."""


class ServerPredictions:
    """Notifies listeners of new predictions; reads only devices that have a listener.

    Parameters
    ----------
    url : str or None
        URL of Redis; None if there is none, so that no listener is notified.
    """

    def __init__(self, url: str | None) -> None:
        self._redis = None if url is None else Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)
        self._listeners: dict[str, set[Listener]] = defaultdict(set)
        #: Start of the last forwarded window by device, µs since the epoch.
        self._newest: dict[str, int] = {}
        self._has_listeners = asyncio.Event()

    @contextmanager
    def listening(self, listener: Listener, device: str) -> Iterator[None]:
        """Notify a listener of each new prediction for a device, within the context."""
        self._listeners[device].add(listener)
        self._has_listeners.set()
        try:
            yield
        finally:
            self._listeners[device].discard(listener)
            if not self._listeners[device]:
                del self._listeners[device]
                self._newest.pop(device, None)
            if not self._listeners:
                self._has_listeners.clear()

    async def run(self) -> None:
        """Read Redis and notify listeners, until cancelled."""
        if self._redis is None:
            return
        back_off = BackOff(FIRST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS)
        try:
            while True:
                await self._has_listeners.wait()
                try:
                    await self._poll(self._redis)
                except (RedisError, OSError) as error:
                    log.warning("cannot forward predictions to phone pages, trying again: %s", error)
                    await asyncio.sleep(back_off.next_pause())
                else:
                    back_off.reset()
                await asyncio.sleep(POLL_SECONDS)
        finally:
            await self._redis.aclose()

    async def _poll(self, redis: "Redis") -> None:
        devices = list(self._listeners)
        found = await redis.mget([device_key(device) for device in devices])
        for device, update in zip(devices, cast("list[bytes | None]", found), strict=True):
            if update is not None:
                await self._notify(device, update)

    async def _notify(self, device: str, update: bytes) -> None:
        try:
            prediction = decode_update(update).prediction
        except msgspec.MsgspecError as error:
            log.warning("cannot decode the update of %s in Redis: %s", device, error)
            return
        if self._newest.get(device) == prediction.start:
            return
        self._newest[device] = prediction.start
        listeners = list(self._listeners.get(device, ()))
        await asyncio.gather(*(listener.notify(ServerPrediction(prediction)) for listener in listeners))
