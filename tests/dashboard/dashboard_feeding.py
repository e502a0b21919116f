"""Helpers that publish live updates, and clients that receive them as the page does."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect

from har.decisions import UNKNOWN
from har.live import LIVE_CHANNEL, device_key
from har.predictions import LiveUpdate, Prediction, Trace, encode_update

SECOND = 1_000_000
#: An event time, µs, for tests that set the dashboard's clock. A dashboard with the real clock removes old devices, so
#: its updates must begin at `whole_second`.
BASE = 1_790_000_000 * SECOND
#: A browser's opening handshake, without the final empty line.
HANDSHAKE = (
    b"GET /live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
)
#: Devices, and trace values per axis and window, that `publish_rounds` publishes.
DEVICES = 50
STEPS = 300
#: Values with many digits, so that a message is as long as with three times as many short values.
LONG_AXIS = [1e12 + step / 4 for step in range(STEPS)]


def whole_second() -> int:
    """Return the current time, µs since the Unix epoch, rounded down to a second."""
    return time.time_ns() // 1_000_000_000 * SECOND


def make_update(
    device: str = "phone-1",
    second: int = 0,
    activity: str = "walk",
    *,
    session: str = "s1",
    arrived: int | None = None,
    published: int | None = None,
    release: str = "release-1",
    base: int = BASE,
    steps: int = 50,
    reason: str | None = None,
    kind: str | None = None,
    kind_title: str | None = None,
    **more: Any,
) -> LiveUpdate:
    """Return an update for a window of 4 s that starts `second` s after `base`, with its last second as the trace.

    With a `reason`, the window was not classified. With a `kind`, it shows this kind of background. `more` are further
    fields of the prediction: `lean`, `reference` and `personal`.
    """
    if reason is not None or kind is not None:
        activity = UNKNOWN
    start = base + second * SECOND
    end = start + 4 * SECOND
    arrived = end + SECOND // 10 if arrived is None else arrived
    others = [name for name in ("sit", "stand", "walk") if name != activity]
    return LiveUpdate(
        prediction=Prediction(
            device=device,
            session=session,
            start=start,
            end=end,
            activity=activity,
            confidence=0.9,
            probabilities={activity: 0.9, **dict.fromkeys(others, 0.1 / len(others))},
            release=release,
            arrived=arrived,
            reason=reason,
            kind=kind,
            background={} if kind is None else {kind: 0.9},
            **more,
        ),
        published=arrived + SECOND // 20 if published is None else published,
        trace=Trace(
            start=end - SECOND,
            period=SECOND // steps,
            x=[0.25 * step for step in range(steps)],
            y=[-1.0] * steps,
            z=[9.81] * steps,
        ),
        kind_title=kind_title,
    )


async def publish(redis: Redis, update: LiveUpdate, *, keep: bool = True) -> None:
    """Publish as the processor does: set the device's key (with `keep`), and publish on the channel."""
    message = encode_update(update)
    if keep:
        await redis.set(device_key(update.prediction.device), message, ex=60)
    await redis.publish(LIVE_CHANNEL, message)


@dataclass
class PageView:
    """The state of a page, from the messages that it received."""

    devices: dict[str, dict[str, Any]] = field(default_factory=dict)
    styles: dict[str, dict[str, str]] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)
    messages: int = 0
    snapshots: int = 0
    largest: int = 0

    def receive(self, message: str | bytes) -> None:
        update = json.loads(message)
        self.messages += 1
        self.largest = max(self.largest, len(message))
        self.status = update["status"]
        self.styles.update({style["name"]: style for style in update.get("styles", [])})
        if update.get("snapshot") is not None:
            self.snapshots += 1
            self.devices = {name: self.devices.get(name, {}) for name in update["snapshot"]}
        for name in update.get("removed", []):
            self.devices.pop(name, None)
        for changes in update.get("devices", []):
            known = self.devices.setdefault(changes["device"], {})
            if changes["complete"]:
                known.clear()
            windows = known.get("windows", {}) | {entry[0]: entry for entry in changes["windows"]}
            trace = known.get("trace", {}) | {chunk["start"]: chunk for chunk in changes["trace"]}
            known.update(changes, complete=None, windows=windows, trace=trace)


@dataclass
class LiveClient:
    """A client without a screen: a connection to the live stream, and the resulting view."""

    connection: ClientConnection
    view: PageView = field(default_factory=PageView)

    async def until(self, condition: Callable[[PageView], bool], seconds: float = 20) -> PageView:
        """Receive messages until the view fulfils the condition, for `seconds` at most."""
        async with asyncio.timeout(seconds):
            while not (self.view.messages and condition(self.view)):
                self.view.receive(await self.connection.recv())
        return self.view


@asynccontextmanager
async def live_client(port: int, scheme: str = "ws", **options: Any) -> AsyncIterator[LiveClient]:
    async with connect(f"{scheme}://127.0.0.1:{port}/live", max_size=2**24, **options) as connection:
        yield LiveClient(connection)


async def subscribed(publisher: Redis) -> None:
    """Wait until the dashboard is subscribed to the channel; earlier messages would be lost."""
    async with asyncio.timeout(20):
        while not (await publisher.pubsub_numsub(LIVE_CHANNEL))[0][1]:
            pass


def browser_that_never_reads(port: int) -> closing[socket.socket]:
    """Open the live stream and read nothing from it."""
    return raw_peer(port, HANDSHAKE + b"\r\n")


def raw_peer(port: int, data: bytes) -> closing[socket.socket]:
    """Connect with a small receive buffer and send data. The test does the rest."""
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    peer.settimeout(20)
    peer.connect(("127.0.0.1", port))
    peer.sendall(data)
    return closing(peer)


async def publish_rounds(publisher: Redis, client: LiveClient, base: int, first: int, last: int) -> None:
    """Publish one window of every device per round, with about 0.7 MB of traces. The client receives each round."""

    def has_all(view: PageView, start: int) -> bool:
        return len(view.devices) == DEVICES and all(
            start in device.get("windows", ()) for device in view.devices.values()
        )

    for second in range(first, last):
        pipeline = publisher.pipeline(transaction=False)
        for number in range(DEVICES):
            update = make_update(f"phone-{number}", second, base=base, steps=STEPS)
            trace = msgspec.structs.replace(update.trace, x=LONG_AXIS, y=LONG_AXIS, z=LONG_AXIS)
            await publish(pipeline, msgspec.structs.replace(update, trace=trace), keep=False)
        await pipeline.execute()
        start = base + second * SECOND
        await client.until(partial(has_all, start=start))
        for device in client.view.devices.values():
            device.update(windows={}, trace={})
