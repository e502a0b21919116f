"""Fixtures: a real Redis server, and the dashboard connected to it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis as AsyncRedis

from dashboard.limits import BrowserLimits
from dashboard.server import serve
from dashboard.settings import DashboardSettings
from deploy.ports import free_port
from tests.redis_server import RedisServer


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    folder = tmp_path / "redis"
    folder.mkdir()
    with RedisServer(free_port(), folder) as server:
        yield server


@pytest.fixture
async def publisher(redis_server: RedisServer) -> AsyncIterator[AsyncRedis]:
    async with AsyncRedis.from_url(redis_server.url) as client:
        yield client


RunDashboard = Callable[..., AbstractAsyncContextManager[int]]


@pytest.fixture
def run_dashboard(redis_server: RedisServer) -> RunDashboard:
    """Return a context manager that runs the dashboard in this process and yields its port."""

    @asynccontextmanager
    async def run(*, limits: BrowserLimits | None = None, **settings: Any) -> AsyncIterator[int]:
        port = free_port(redis_server.port + 1)  # Redis may be down at the moment, but needs its port again
        ready = asyncio.Event()
        dashboard_settings = DashboardSettings(port=port, **{"redis_url": redis_server.url, **settings})
        serving = asyncio.create_task(serve(dashboard_settings, ready=ready, limits=limits))
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
