"""A real Redis server, and the dashboard in front of it."""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.asyncio import Redis as AsyncRedis

from dashboard.limits import LiveLimits
from dashboard.server import serve
from deploy.embedded import find_redis_server
from deploy.ports import free_port
from har.settings import DashboardSettings


@dataclass
class RedisServer:
    """A Redis server of the test's own, which can be killed and started again with what it had kept."""

    program: str
    port: int
    folder: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        self.process = subprocess.Popen(
            [self.program, "--port", str(self.port), "--dir", str(self.folder), *options],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 20
        with redis.Redis(port=self.port) as client:
            while True:
                try:
                    client.ping()
                    return
                except redis.ConnectionError:
                    assert self.process.poll() is None, "redis-server has ended"
                    assert time.monotonic() < deadline, "redis-server does not answer"

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(str(find_redis_server()), free_port(), folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
async def publisher(redis_server: RedisServer) -> AsyncIterator[AsyncRedis]:
    async with AsyncRedis.from_url(redis_server.url) as client:
        yield client


RunDashboard = Callable[..., AbstractAsyncContextManager[int]]


@pytest.fixture
def run_dashboard(redis_server: RedisServer) -> RunDashboard:
    """Runs the dashboard in this process; gives its port."""

    @asynccontextmanager
    async def run(*, limits: LiveLimits | None = None, **settings: Any) -> AsyncIterator[int]:
        port = free_port(redis_server.port + 1)  # Redis may be down now, and comes back
        ready = asyncio.Event()
        chosen = DashboardSettings(port=port, **{"redis_url": redis_server.url, **settings})
        serving = asyncio.create_task(serve(chosen, ready=ready, limits=limits))
        waiting = asyncio.create_task(ready.wait())
        try:
            await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED, timeout=20)
            if serving.done():
                await serving
            yield port
        finally:
            waiting.cancel()
            serving.cancel()
            await asyncio.wait([serving, waiting])

    return run
