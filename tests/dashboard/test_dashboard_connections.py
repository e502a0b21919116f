"""Connections of peers that do not ask, do not read, or say what they should not."""

import asyncio
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack
from pathlib import Path

import pytest
from redis.asyncio import Redis
from websockets.exceptions import ConnectionClosed

from dashboard import connections
from dashboard.limits import BrowserLimits
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

RunDashboard = Callable[..., AbstractAsyncContextManager[int]]
QUICK = BrowserLimits(delta_interval=0.02, heartbeat=0.05)
#: "hi", as a browser masks it.
MESSAGE = b"\x81\x82\x00\x00\x00\x00hi"
#: A closing frame with code 1000.
CLOSE = b"\x88\x82\x00\x00\x00\x00\x03\xe8"


async def seconds_until_dropped(connection: socket.socket) -> float:
    """Return when the connection ends, from now on; what comes before is read."""

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
def short_opening(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
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
@pytest.mark.usefixtures("short_opening")
async def test_a_peer_that_does_not_complete_its_request_is_dropped(run_dashboard: RunDashboard, data: bytes) -> None:
    async with run_dashboard() as port:
        with raw_peer(port, data) as connection:
            assert await seconds_until_dropped(connection) < 3
        started = time.monotonic()
    assert time.monotonic() - started < 2


@pytest.mark.usefixtures("short_opening")
async def test_a_second_request_must_be_complete_in_time_too(run_dashboard: RunDashboard) -> None:
    async with run_dashboard() as port:
        with raw_peer(port, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n") as connection:
            assert await asyncio.to_thread(connection.recv, 65_536)
            await asyncio.sleep(1)
            connection.sendall(b"GET / HT")
            assert await seconds_until_dropped(connection) < 3


@pytest.mark.usefixtures("short_opening")
async def test_an_open_stream_outlives_the_time_for_opening(run_dashboard: RunDashboard) -> None:
    async with run_dashboard(limits=QUICK) as port, live_client(port) as client:
        await client.until(lambda view: view.messages == 1)
        await asyncio.sleep(1)
        await client.until(lambda view: view.messages > 20)


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> list[connections.BrowserConnection]:
    """The streams whose connection has ended, on the server's side."""
    found: list[connections.BrowserConnection] = []
    ending = connections.BrowserConnection.connection_lost

    def connection_lost(self: connections.BrowserConnection, exc: Exception | None) -> None:
        found.append(self)
        ending(self, exc)

    monkeypatch.setattr(connections.BrowserConnection, "connection_lost", connection_lost)
    return found


async def test_a_connection_that_takes_nothing_is_aborted(
    run_dashboard: RunDashboard, publisher: Redis, lost: list[connections.BrowserConnection]
) -> None:
    limits = BrowserLimits(delta_interval=0.02, heartbeat=0.05, browser_timeout=0.5)
    async with run_dashboard(limits=limits) as port, live_client(port) as client:
        await subscribed(publisher)
        with browser_that_never_reads(port):
            await publish_rounds(publisher, client, whole_second(), 0, 15)
            # A transport that was only closed would keep what the peer does not take.
            async with asyncio.timeout(5):
                while not lost:
                    await asyncio.sleep(0.05)
        assert len(lost) == 1


@pytest.mark.parametrize("frame", [MESSAGE, CLOSE])
async def test_a_browser_that_talks_and_never_reads_is_dropped(
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
            async with live_client(port) as another:  # its place is free again
                await another.until(lambda view: view.snapshots == 1)


async def test_a_message_that_is_too_long_closes_the_stream(run_dashboard: RunDashboard) -> None:
    async with run_dashboard(limits=QUICK) as port, live_client(port) as client:
        await client.connection.send("x" * 1_025)
        with pytest.raises(ConnectionClosed) as closed:
            await client.until(lambda view: False)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


async def test_browsers_are_told_that_the_server_goes_away(run_dashboard: RunDashboard) -> None:
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
        with raw_peer(port, HANDSHAKE + b"\r\n") as silent:  # it reads, and never answers a ping
            assert await seconds_until_dropped(silent) < 4


async def test_the_stream_asks_for_an_upgrade(run_dashboard: RunDashboard) -> None:
    async with run_dashboard() as port:
        with raw_peer(port, b"GET /live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n") as connection:
            answer = await asyncio.to_thread(connection.recv, 65_536)
    assert answer.startswith(b"HTTP/1.1 426 ")
    assert b"upgrade: websocket" in answer.lower()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not on the PATH; it is needed to make the certificate")
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(made), "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return made, key


async def test_by_tls_a_stuck_browser_does_not_delay_the_end(
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
