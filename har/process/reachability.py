"""Whether another service accepts connections, for the line that a service logs at its start."""

import asyncio
from contextlib import suppress
from typing import Any

from har.process.addresses import split_host_and_port
from har.process.redis_clients import RedisLibrary, failures_of, open_redis
from har.process.redis_errors import kind_of


async def accepts_connections(servers: str, seconds: float = 2.0) -> bool:
    """Return whether one of several servers accepts a TCP connection within a time.

    Parameters
    ----------
    servers : str
        ``host:port,host:port``, as in ``--bootstrap``.
    seconds : float
        How long to wait for each, s.
    """
    for server in servers.split(","):
        with suppress(OSError, ValueError, OverflowError):  # an address that cannot be used, or no answer in time
            host, port = split_host_and_port(server.strip())
            async with asyncio.timeout(seconds):
                _, writer = await asyncio.open_connection(host, port)
            writer.close()
            return True
    return False


async def redis_answers(library: RedisLibrary[Any], url: str, seconds: float = 2.0) -> bool:
    """Return whether Redis answers within a time.

    Parameters
    ----------
    library : module
        `redis.asyncio`.
    url : str
        The URL; see `har.process.redis_address`.
    seconds : float
        How long to wait for a connection, and for a reply, s.
    """
    asking = asyncio.ensure_future(_ask(library, url, seconds))
    try:
        return await asyncio.shield(asking)
    except asyncio.CancelledError:
        # redis-py leaves a socket open if it is cancelled while it connects: let it finish, within the time.
        await asyncio.wait([asking], timeout=seconds)
        asking.cancel()
        raise


async def _ask(library: RedisLibrary[Any], url: str, seconds: float) -> bool:
    opened = open_redis(library, url, socket_connect_timeout=seconds, socket_timeout=seconds)
    try:
        return bool(await opened.client.ping())
    except failures_of(library) as error:
        return kind_of(error) == "NOPERM"  # it answers, but not this user's PING
    finally:
        await opened.aclose()
