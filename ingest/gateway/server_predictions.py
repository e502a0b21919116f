"""Forwarding of the stream processor's predictions to phone pages, from the latest update of each device in Redis."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import redis.asyncio

from har.gateway_messages import GatewayMessage, ServerPrediction
from har.live import device_key
from har.predictions import decode_update
from har.process.back_off import BackOff
from har.process.limited_log import LimitedLog
from har.process.redis_clients import OpenedRedis, failures_of, open_redis
from har.process.redis_commands import found_values
from har.process.redis_condition import RedisCondition
from har.process.redis_errors import words_of
from har.samples import UNDECODABLE
from ingest.gateway.metrics import GatewayMetrics

log = logging.getLogger(__name__)

#: Interval between reads; by default a device has a new prediction every second.
POLL_SECONDS = 0.25
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 4.0
PURPOSE = "read predictions for phone pages"

_FAILURES = failures_of(redis.asyncio)


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
    metrics : GatewayMetrics
        Counts errors, and shows whether Redis is up.

    Attributes
    ----------
    condition : RedisCondition
        Whether Redis works.
    """

    def __init__(self, url: str | None, metrics: GatewayMetrics) -> None:
        self._url = url
        self.condition = RedisCondition(
            log, on_error=lambda kind: metrics.redis_errors.labels(kind).inc(), on_change=metrics.redis_up.set
        )
        self._log = LimitedLog(log)
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
        if self._url is None:
            return
        opened = open_redis(redis.asyncio, self._url)
        back_off = BackOff(FIRST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS)
        try:
            while True:
                await self._has_listeners.wait()
                try:
                    await self._poll(opened)
                except _FAILURES as error:
                    self.condition.note_failure(PURPOSE, error)
                    await asyncio.sleep(back_off.next_pause())
                else:
                    self.condition.note_success(PURPOSE)
                    back_off.reset()
                await asyncio.sleep(POLL_SECONDS)
        finally:
            await opened.aclose()

    async def _poll(self, opened: OpenedRedis["redis.asyncio.Redis"]) -> None:
        devices = {device_key(device): device for device in self._listeners}
        async for key, found in found_values(opened, list(devices)):
            device = devices[key]
            if isinstance(found, bytes):
                await self._notify(device, found)
            else:
                words = words_of(found)
                self._log.warn("WRONGTYPE", "cannot read the update of %s in Redis: %s", device, words, sender=device)

    async def _notify(self, device: str, update: bytes) -> None:
        try:
            decoded = decode_update(update)
        except UNDECODABLE as error:
            self._log.warn("undecodable", "cannot decode the update of %s in Redis: %s", device, error, sender=device)
            return
        prediction = decoded.prediction
        if self._newest.get(device) == prediction.start:
            return
        self._newest[device] = prediction.start
        listeners = list(self._listeners.get(device, ()))
        message = ServerPrediction(prediction, decoded.kind_title)
        await asyncio.gather(*(listener.notify(message) for listener in listeners))
