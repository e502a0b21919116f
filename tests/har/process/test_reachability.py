"""What a service says at its start about a connection that does not work."""

from pathlib import Path

import pytest
import redis
import redis.asyncio

from deploy.ports import free_port
from har.process.reachability import NO_ANSWER, fault_of_redis, fault_of_servers
from tests.redis_server import RedisServer

pytestmark = pytest.mark.redis


async def test_the_start_says_why_redis_cannot_be_used(tmp_path: Path) -> None:
    with RedisServer(free_port(), tmp_path) as server:
        with redis.Redis(port=server.port) as client:
            client.acl_setuser("someone", enabled=True, passwords=["+right"], commands=["+get"])
        assert await fault_of_redis(redis.asyncio, server.url) is None
        host = server.url.removeprefix("redis://")
        assert await fault_of_redis(redis.asyncio, f"redis://someone:right@{host}") is None  # it may not use PING
        fault = await fault_of_redis(redis.asyncio, f"redis://someone:wrong@{host}")
        assert str(fault).startswith("cannot be used yet: Redis answers: WRONGPASS")
        server.kill()
        fault = await fault_of_redis(redis.asyncio, server.url)
        assert str(fault).startswith("cannot be used yet: no answer from Redis: ")


async def test_one_of_several_servers_is_enough(redis_url: str) -> None:
    there = redis_url.removeprefix("redis://").partition("/")[0]
    away = f"127.0.0.1:{free_port()}"
    assert await fault_of_servers(f"{away},{there}") is None
    assert await fault_of_servers(away) == NO_ANSWER
