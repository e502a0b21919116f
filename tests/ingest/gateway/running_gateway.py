"""Helpers to run a gateway, in the test's process or in its own, and to send requests to it."""

import asyncio
import json
import re
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from har import topics
from har.binary_samples import decode_batch
from har.gateway_messages import decode_message
from har.process.background import BackgroundTasks
from har.samples import SampleBatch
from ingest.gateway.command import publisher_for
from ingest.gateway.server import Gateway
from ingest.gateway.settings import GatewaySettings
from tests.waiting import until


@asynccontextmanager
async def gateway_on(broker, **changes):
    """Run a gateway; yield its host and port."""
    settings = GatewaySettings(**{"bootstrap": broker.bootstrap, "port": 0} | changes)
    failed = asyncio.Event()
    background = BackgroundTasks(on_failure=failed.set)
    async with publisher_for(settings) as publisher, Gateway(settings, publisher, background) as gateway:
        yield f"127.0.0.1:{gateway.address[1]}"
    assert not failed.is_set(), background.failure


@asynccontextmanager
async def gateway_process(broker):
    """Run `har gateway` with its default limits; yield the process and its host and port."""
    command = [sys.executable, "-m", "deploy", "gateway", "--bootstrap", broker.bootstrap, "--port", "0"]
    gateway = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE)
    try:
        async with asyncio.timeout(60):
            url = None
            while url is None:
                url = re.search(r"ws://([^/\s]+)", (await gateway.stderr.readline()).decode())
        yield gateway, url[1]
    finally:
        if gateway.returncode is None:
            gateway.kill()
            await gateway.wait()


async def receive(phone):
    return decode_message(await asyncio.wait_for(phone.recv(), 30))


async def ask(phone, frame):
    await phone.send(frame)
    return await receive(phone)


async def page(address: str, path: str, trust: ssl.SSLContext | None = None) -> str:
    scheme = "https" if trust else "http"
    return await asyncio.to_thread(lambda: urlopen(f"{scheme}://{address}{path}", context=trust).read().decode())


async def call(address: str, path: str, document=None, *, token=None, method=None, headers=None):
    """Send a request; return the status and the JSON answer. A document of bytes is sent unchanged."""
    headers = {
        "Accept": "application/json",
        **(headers or {}),
        **({"Authorization": f"Bearer {token}"} if token else {}),
    }
    body = document if document is None or isinstance(document, bytes) else json.dumps(document).encode()
    request = Request(f"http://{address}{path}", body, headers, method=method)

    def send():
        try:
            with urlopen(request) as answer:
                return answer.status, json.loads(answer.read())
        except HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    return await asyncio.to_thread(send)


async def measure(address: str, name: str) -> float:
    lines = (await page(address, "/metrics")).splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


async def until_metric(address: str, name: str, is_reached: Callable[[float], bool], seconds: float) -> float:
    """Wait until a metric meets a condition; return how long it took, s."""
    began, value = time.monotonic(), 0.0

    async def has_value() -> bool:
        nonlocal value
        value = await measure(address, name)
        return is_reached(value)

    await until(has_value, lambda: f"another value of {name} than {value:g}", seconds, every=0.02)
    return time.monotonic() - began


def arrived(broker, batches: int) -> list[SampleBatch]:
    """Return a session's batches in Kafka without repeats; fail unless they are complete and in order."""
    records = broker.read(topics.SAMPLES.name, batches)
    while True:
        first: dict[int, SampleBatch] = {}
        for record in records:
            batch = decode_batch(record.value)
            first.setdefault(batch.sequence, batch)
        if len(first) >= batches:
            break
        records = broker.read(topics.SAMPLES.name, len(records) + 1)
    assert list(first) == list(range(batches))
    return list(first.values())
