"""Decompression bombs, slow requests, floods of connections, and readings in g or without gravity."""

import asyncio
import gzip
import json
import resource
import selectors
import socket
import sys
import time
import zlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.error import HTTPError

import numpy as np
import psutil
import pytest
from websockets.asyncio.client import connect

from har import topics
from har.binary_samples import encode_batch
from har.gateway_messages import Accepted, Waiting
from ingest.gateway.settings import GatewaySettings
from ingest.gateway.sockets import SPARE_CONNECTIONS
from tests.batches import live_batches
from tests.brokers import on_one_broker
from tests.ingest.gateway.running_gateway import (
    ask,
    call,
    gateway_on,
    gateway_process,
    measure,
    page,
    receive,
    until_metric,
)
from tests.waiting import until

BATCH = live_batches(1)[0]


def blanks(count: int, window_bits: int) -> bytes:
    """Compress blanks in pieces, because all of them at once would raise this process's peak memory."""
    packer = zlib.compressobj(9, wbits=window_bits)
    return b"".join([*(packer.compress(b" " * 1_000_000) for _ in range(count // 1_000_000)), packer.flush()])


def reset_peak() -> int:
    """Reset the peak memory of this process in Linux; return its current memory, bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak() -> int:
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1_024


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports the peak memory")
@on_one_broker
@pytest.mark.parametrize("packing", ["gzip", "deflate", "gzip twice"])
async def test_a_decompression_bomb_is_rejected_and_does_not_fill_the_memory(broker, packing):
    packed = blanks(200_000_000, zlib.MAX_WBITS if packing == "deflate" else zlib.MAX_WBITS + 16)
    headers = {"Content-Encoding": packing.split()[0], "Content-Type": "application/json"}
    if packing == "gzip twice":
        packed, headers["Content-Encoding"] = gzip.compress(packed, 9), "gzip, gzip"
    async with gateway_on(broker) as address:
        before = reset_peak()
        status, answer = await call(address, "/v1/sensor-logger", packed, headers=headers)
        assert answer["type"] == "rejected"
        assert (status, answer["code"]) in ((413, "oversized"), (400, "malformed"))
        assert peak() - before < 50_000_000
        assert await page(address, "/healthz") == "ok\n"


@on_one_broker
async def test_a_body_with_a_too_large_content_length_is_rejected_before_it_is_read(broker):
    async with gateway_on(broker, max_push_bytes=10_000) as address:
        reader, writer = await asyncio.open_connection(*address.split(":"))
        head = b"POST /v1/sensor-logger HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n"
        writer.write(head + b"Content-Length: 100000000\r\n\r\n{")
        assert b"413" in await asyncio.wait_for(reader.readline(), 5)
        writer.close()


@on_one_broker
@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"GET /v1/samples HTTP/1.1\r\nHost: x\r\n",
        b"POST /v1/labels HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{",
    ],
    ids=["nothing", "half a header", "half a body"],
)
async def test_a_too_slow_request_is_disconnected(broker, beginning):
    async with gateway_on(broker, request_seconds=1) as address:
        reader, writer = await asyncio.open_connection(*address.split(":"))
        writer.write(beginning)
        began = time.monotonic()

        async def trickle():
            while True:
                writer.write(b"X: y\r\n" if b"Host" in beginning and b"POST" not in beginning else b"")
                await asyncio.sleep(0.2)

        trickling = asyncio.create_task(trickle())
        with suppress(ConnectionError):
            answer = await asyncio.wait_for(reader.read(), 10)
            assert answer == b"" or b" 408 " in answer.splitlines()[0]
        assert time.monotonic() - began < 4
        trickling.cancel()
        writer.close()


@on_one_broker
async def test_connections_beyond_the_limit_get_503_and_connected_phones_continue(broker, monkeypatch):
    monkeypatch.setattr("ingest.gateway.server.SPARE_CONNECTIONS", 20)
    async with gateway_on(broker, max_connections=10) as address, connect(f"ws://{address}/v1/samples") as phone:
        host, port = address.split(":")
        idle = [socket.create_connection((host, int(port))) for _ in range(100)]
        try:
            await expect_503(idle[-1])
            assert await ask(phone, encode_batch(BATCH)) == Accepted("s1", 0)
        finally:
            for one in idle:
                one.close()
        rejections = await until_connections_are_accepted(address)
        assert await measure(address, "har_connections_rejected_total") >= 60 + rejections
        async with connect(f"ws://{address}/v1/samples") as another:
            assert await ask(another, encode_batch(live_batches(1, device="p2")[0])) == Accepted("s1", 0)


@pytest.mark.slow
@on_one_broker
async def test_ten_thousand_connections_do_not_keep_connected_phones_from_sending(broker, many_sockets):
    flood, limit = 10_000, GatewaySettings().max_connections + SPARE_CONNECTIONS
    enough = flood - 2 * limit  # the gateway closes idle connections, so that others are accepted
    async with gateway_process(broker) as (gateway, address), connect(f"ws://{address}/v1/samples") as phone:
        process = psutil.Process(gateway.pid)
        before = process.memory_info().rss
        idle = await asyncio.to_thread(connect_often, address, flood)
        try:
            assert await asyncio.to_thread(count_rejected, idle, enough) >= enough
            for number, batch in enumerate(live_batches(3)):
                assert await ask(phone, encode_batch(batch)) == Accepted("s1", number)
            assert process.memory_info().rss - before < 100_000_000
        finally:
            for one in idle:
                one.close()
        gateway.terminate()
        output = (await gateway.stderr.read()).decode()
    assert "rejecting further connections" in output
    assert "Too many open files" not in output


@pytest.fixture
def many_sockets():
    """Raise this process's limit of open sockets to the hard limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 11_000:
        pytest.skip(f"the hard limit of open sockets is only {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connect_often(address: str, number: int) -> list[socket.socket]:
    host, port = address.split(":")
    return [socket.create_connection((host, int(port)), timeout=10) for _ in range(number)]


def count_rejected(idle: list[socket.socket], enough: int) -> int:
    """Wait until enough connections were rejected with HTTP 503; return their number."""
    count = 0
    deadline = time.monotonic() + 30
    with selectors.DefaultSelector() as selector:
        for one in idle:
            selector.register(one, selectors.EVENT_READ)
        while count < enough and time.monotonic() < deadline:
            for key, _ in selector.select(1):
                selector.unregister(key.fileobj)
                count += key.fileobj.recv(1_000).startswith(b"HTTP/1.1 503 ")
    return count


async def until_connections_are_accepted(address: str) -> int:
    """Wait until the gateway has noticed that connections were closed; return how often it rejected one before."""
    rejections = 0

    async def is_accepted() -> bool:
        nonlocal rejections
        try:
            await page(address, "/healthz")
        except HTTPError as rejection:
            assert rejection.code == 503
            rejection.close()
            rejections += 1
            return False
        return True

    await until(is_accepted, "the gateway to accept connections", 30, every=0.02)
    return rejections


async def expect_503(idle: socket.socket) -> None:
    idle.setblocking(False)
    response = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(idle, 1_000), 5)
    assert response.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 5\r\n" in response
    head, body = response.split(b"\r\n\r\n")
    assert int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]) == len(body)


def altered(number, change):
    batch = live_batches(3)[number]
    return encode_batch(replace(batch, axes=change(batch.axes).astype(np.float32)))


@on_one_broker
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda axes: axes / 9.80665, "unit"),
        (lambda axes: axes * 0.05, "gravity"),
        (lambda axes: axes * 0, "gravity"),
    ],
    ids=["in g", "without gravity", "zeros"],
)
async def test_readings_in_g_or_without_gravity_are_rejected_within_two_seconds(broker, change, code):
    async with gateway_on(broker) as address, connect(f"ws://{address}/v1/samples") as phone:
        answers = [await ask(phone, altered(number, change)) for number in range(3)]
        rejected = [answer for answer in answers if not isinstance(answer, Accepted)]
        assert rejected
        assert {answer.code for answer in rejected} == {code}
        assert f'har_rejected_total{{code="{code}"}}' in await page(address, "/metrics")
        assert broker.read(topics.REJECTED.name, 1)


@on_one_broker
async def test_a_device_beyond_its_rate_limit_is_slowed_and_notified_and_loses_nothing(broker):
    batches = live_batches(60)
    async with (
        gateway_on(broker, max_device_rate=2, waiting_notice_seconds=0.3) as address,
        connect(f"ws://{address}/v1/samples") as phone,
    ):
        began = time.monotonic()
        for batch in batches[:44]:
            await phone.send(encode_batch(batch))
        answers = []
        while len(answers) < 44:
            answer = await receive(phone)
            if isinstance(answer, Waiting):
                assert answer.reason == "rate"
            else:
                answers.append(answer)
        assert answers == [Accepted("s1", number) for number in range(44)]
        # 40 pass at once (20 s of the rate), the others at two per second.
        assert 1.5 < time.monotonic() - began < 8
        status, answer = await call(
            address,
            "/v1/labels",
            {
                "device": "other",
                "session": "s",
                "start": int(time.time() * 1e6),
                "activity": "walk",
                "said_at": int(time.time() * 1e6),
            },
        )
        assert status == 200
        await until_metric(address, "har_unconfirmed", lambda value: value == 0, 30)


@on_one_broker
async def test_an_invalid_document_is_rejected_and_dead_lettered(broker):
    async with gateway_on(broker) as address:
        for body in (b"", b"{", b"[" * 100_000, b"\xff\xfe", json.dumps({"payload": "x"}).encode()):
            status, answer = await call(address, "/v1/sensor-logger", body)
            assert (status, answer["type"]) == (400, "rejected")
        assert len(broker.read(topics.REJECTED.name, 5)) == 5
