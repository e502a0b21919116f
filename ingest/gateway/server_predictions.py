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
from har.process.redis_commands import get_each
from har.process.redis_condition import RedisCondition
from har.process.redis_errors import kind_of, words_of
from har.samples import UNDECODABLE
from ingest.gateway.metrics import GatewayMetrics

log = logging.getLogger(__name__)

#: Interval between reads; by default a device has a new prediction every second.
POLL_SECONDS = 0.25
KEYS_PER_REQUEST = 100
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
        devices = list(self._listeners)
        for first in range(0, len(devices), KEYS_PER_REQUEST):
            asked = devices[first : first + KEYS_PER_REQUEST]
            outcomes = await get_each(opened, [device_key(device) for device in asked])
            for device, outcome in zip(asked, outcomes, strict=True):
                if isinstance(outcome, bytes):
                    await self._notify(device, outcome)
                elif isinstance(outcome, Exception):
                    self._pass_over(device, outcome)

    def _pass_over(self, device: str, error: Exception) -> None:
        """Log a key of another type, which another system wrote; raise any other error."""
        if kind_of(error) != "WRONGTYPE":
            raise error
        self._log.warn("WRONGTYPE", "cannot read the update of %s in Redis: %s", device, words_of(error), sender=device)

    async def _notify(self, device: str, update: bytes) -> None:
        try:
            prediction = decode_update(update).prediction
        except UNDECODABLE as error:
            self._log.warn("undecodable", "cannot decode the update of %s in Redis: %s", device, error, sender=device)
            return
        if self._newest.get(device) == prediction.start:
            return
        self._newest[device] = prediction.start
        listeners = list(self._listeners.get(device, ()))
        await asyncio.gather(*(listener.notify(ServerPrediction(prediction)) for listener in listeners))
