"""Connections of peers that send incomplete requests, read nothing, or send messages that are not allowed."""

import asyncio
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis.asyncio import Redis
from websockets.exceptions import ConnectionClosed

from dashboard import connections
from dashboard.limits import BrowserLimits
from tests.dashboard.conftest import RunDashboard
from tests.dashboard.dashboard_feeding import (
    HANDSHAKE,
    browser_that_never_reads,
    live_client,
    publish_rounds,
    raw_peer,
    subscribed,
    whole_second,
)

pytestmark = pytest.mark.redis

QUICK = BrowserLimits(delta_interval=0.02, heartbeat=0.05)
#: A text frame "hi", masked as by a browser.
MESSAGE = b"\x81\x82\x00\x00\x00\x00hi"
#: A close frame with code 1000, masked.
CLOSE = b"\x88\x82\x00\x00\x00\x00\x03\xe8"


async def seconds_until_dropped(connection: socket.socket) -> float:
    """Read until the connection ends, and return how long that took, s."""

    def read() -> None:
        try:
            while connection.recv(65_536):
                pass
        except ConnectionResetError:
            pass

    started = time.monotonic()
    await asyncio.to_thread(read)
    return time.monotonic() - started


@pytest.fixture
def short_open_timeout(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(connections, "OPEN_TIMEOUT_SECONDS", 0.5)
    yield


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: lo",
        b"POST /v1/labels HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n{",
        HANDSHAKE + b"X-Long: " + b"x" * 9_000 + b"\r\n\r\n",
        HANDSHAKE + b"".join(b"X-%d: x\r\n" % number for number in range(200)) + b"\r\n",
    ],
)
@pytest.mark.usefixtures("short_open_timeout")
async def test_a_peer_that_does_not_complete_its_request_is_dropped(run_dashboard: RunDashboard, data: bytes) -> None:
    async with run_dashboard() as port:
        with raw_peer(port, data) as connection:
            assert await seconds_until_dropped(connection) < 3
        started = time.monotonic()
    assert time.monotonic() - started < 2


@pytest.mark.usefixtures("short_open_timeout")
async def test_the_deadline_also_applies_to_a_second_request(run_dashboard: RunDashboard) -> None:
    async with run_dashboard() as port:
        with raw_peer(port, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n") as connection:
            assert await asyncio.to_thread(connection.recv, 65_536)
            await asyncio.sleep(1)
            connection.sendall(b"GET / HT")
            assert await seconds_until_dropped(connection) < 3


@pytest.mark.usefixtures("short_open_timeout")
async def test_the_open_timeout_does_not_end_an_open_stream(run_dashboard: RunDashboard) -> None:
    async with run_dashboard(limits=QUICK) as port, live_client(port) as client:
        await client.until(lambda view: view.messages == 1)
        await asyncio.sleep(1)
        await client.until(lambda view: view.messages > 20)


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> list[connections.BrowserConnection]:
    """The server's streams whose connections have ended."""
    ended: list[connections.BrowserConnection] = []
    original = connections.BrowserConnection.connection_lost

    def connection_lost(self: connections.BrowserConnection, exc: Exception | None) -> None:
        ended.append(self)
        original(self, exc)

    monkeypatch.setattr(connections.BrowserConnection, "connection_lost", connection_lost)
    return ended


async def test_a_connection_that_reads_nothing_is_aborted(
    run_dashboard: RunDashboard, publisher: Redis, lost: list[connections.BrowserConnection]
) -> None:
    limits = BrowserLimits(delta_interval=0.02, heartbeat=0.05, browser_timeout=0.5)
    async with run_dashboard(limits=limits) as port, live_client(port) as client:
        await subscribed(publisher)
        with browser_that_never_reads(port):
            await publish_rounds(publisher, client, whole_second(), 0, 15)
            # A transport that was only closed would keep the data that the peer does not read.
            async with asyncio.timeout(5):
                while not lost:
                    await asyncio.sleep(0.05)
        assert len(lost) == 1


@pytest.mark.parametrize("frame", [MESSAGE, CLOSE])
async def test_a_browser_that_sends_a_frame_and_never_reads_is_dropped(
    run_dashboard: RunDashboard, publisher: Redis, lost: list[connections.BrowserConnection], frame: bytes
) -> None:
    limits = BrowserLimits(delta_interval=0.02, heartbeat=0.05, browser_timeout=60, shutdown=0.3)
    async with run_dashboard(limits=limits, max_browsers=2) as port, live_client(port) as client:
        await subscribed(publisher)
        with browser_that_never_reads(port) as stuck:
            await publish_rounds(publisher, client, whole_second(), 0, 15)
            assert lost == []
            stuck.sendall(frame)
            async with asyncio.timeout(5):
                while not lost:
                    await asyncio.sleep(0.05)
            async with live_client(port) as another:  # the dropped browser no longer counts
                await another.until(lambda view: view.snapshots == 1)


async def test_a_message_that_is_too_long_closes_the_stream(run_dashboard: RunDashboard) -> None:
    async with run_dashboard(limits=QUICK) as port, live_client(port) as client:
        await client.connection.send("x" * 1_025)
        with pytest.raises(ConnectionClosed) as closed:
            await client.until(lambda view: False)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


async def test_browsers_are_notified_when_the_server_stops(run_dashboard: RunDashboard) -> None:
    async with run_dashboard(limits=QUICK) as port:
        connection = live_client(port)
        client = await connection.__aenter__()
        await client.until(lambda view: view.snapshots == 1)
    with pytest.raises(ConnectionClosed) as closed:
        await client.until(lambda view: False)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001
    await connection.__aexit__(None, None, None)


async def test_a_dead_browser_is_dropped_by_the_ping(
    run_dashboard: RunDashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.server.PING_SECONDS", 0.3)
    async with run_dashboard(limits=QUICK) as port:
        with raw_peer(port, HANDSHAKE + b"\r\n") as silent:  # it reads, but never sends a pong
            assert await seconds_until_dropped(silent) < 4


async def test_the_stream_requires_an_upgrade(run_dashboard: RunDashboard) -> None:
    async with run_dashboard() as port:
        with raw_peer(port, b"GET /live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n") as connection:
            answer = await asyncio.to_thread(connection.recv, 65_536)
    assert answer.startswith(b"HTTP/1.1 426 ")
    assert b"upgrade: websocket" in answer.lower()


async def test_a_stuck_browser_over_tls_does_not_delay_the_shutdown(
    run_dashboard: RunDashboard,
    publisher: Redis,
    certificate: tuple[Path, Path],
    lost: list[connections.BrowserConnection],
) -> None:
    made, key = certificate
    trust = ssl.create_default_context(cafile=made)
    limits = BrowserLimits(delta_interval=0.02, heartbeat=0.05, shutdown=0.3)
    with ExitStack() as stuck:
        async with run_dashboard(limits=limits, tls_certificate=made, tls_key=key) as port:
            plain = stuck.enter_context(socket.create_connection(("127.0.0.1", port)))
            browser = await asyncio.to_thread(trust.wrap_socket, plain, server_hostname="127.0.0.1")
            stuck.enter_context(browser)
            browser.sendall(HANDSHAKE + b"\r\n")
            async with live_client(port, scheme="wss", ssl=trust) as client:
                await subscribed(publisher)
                await publish_rounds(publisher, client, whole_second(), 0, 15)
            started = time.monotonic()
        assert time.monotonic() - started < 3
        assert len(lost) == 2
