"""What is wrong with the connection to another service, for the line that a service logs at its start."""

import asyncio
from contextlib import suppress
from typing import Any

from har.process.addresses import split_host_and_port
from har.process.redis_clients import RedisLibrary, failures_of, open_redis
from har.process.redis_errors import kind_of, said_by

#: What is wrong with a service that has not answered.
NO_ANSWER = "does not answer yet"


async def fault_of_servers(servers: str, seconds: float = 2.0) -> str | None:
    """Return what is wrong if none of several servers accepts a TCP connection within a time; None if one does.

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
            return None
    return NO_ANSWER


async def fault_of_redis(library: RedisLibrary[Any], url: str, seconds: float = 2.0) -> str | None:
    """Return what is wrong if Redis does not accept this client within a time; None if it does.

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


async def _ask(library: RedisLibrary[Any], url: str, seconds: float) -> str | None:
    opened = open_redis(library, url, socket_connect_timeout=seconds, socket_timeout=seconds)
    try:
        await opened.client.ping()
    except failures_of(library) as error:
        # With NOPERM it accepts this user, who may not use PING.
        return None if kind_of(error) == "NOPERM" else f"cannot be used yet: {said_by(error)}"
    else:
        return None
    finally:
        await opened.aclose()
