"""Open clients of redis-py from a URL: for one server, for the master that Sentinel names, or for a cluster.

Callers pass in the library, `redis.asyncio` or `redis`, so that this package does not depend on it.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, cast

from har.process.redis_address import RedisAddress, parse_redis_url

#: The longest wait for a connection and for a reply, s.
CONNECT_SECONDS, REPLY_SECONDS = 5.0, 5.0
#: The same for Sentinel: if one of several is away, the next one is asked.
SENTINEL_SECONDS = 2.0

Client_co = TypeVar("Client_co", covariant=True)
Client = TypeVar("Client")


class RedisLibrary(Protocol[Client_co]):
    """The parts of `redis` and `redis.asyncio` that are used here."""

    @property
    def Redis(self) -> Callable[..., Client_co]:  # noqa: N802  (redis-py's name)
        """The client of one server."""

    @property
    def Sentinel(self) -> Callable[..., Any]:  # noqa: N802
        """The client of Sentinel."""

    @property
    def RedisCluster(self) -> type[Any]:  # noqa: N802
        """The client of a cluster."""

    @property
    def RedisError(self) -> type[Exception]:  # noqa: N802
        """The base of most errors."""


@dataclass(frozen=True)
class OpenedRedis(Generic[Client]):
    """A client of Redis, and what it needs to be closed.

    Attributes
    ----------
    client : redis.Redis or redis.asyncio.Redis
        The client. That of a cluster has the same methods, except those that need several keys in one slot.
    is_cluster : bool
        Whether it is the client of a cluster.
    sentinel : redis.Sentinel or redis.asyncio.Sentinel, optional
        The client of Sentinel, which the client above asks for the master's address.
    """

    client: Client
    is_cluster: bool = False
    sentinel: Any = None

    async def aclose(self) -> None:
        """Close the connections of asynchronous clients."""
        await cast("Any", self.client).aclose()
        for sentinel in () if self.sentinel is None else self.sentinel.sentinels:
            await sentinel.aclose()

    def close(self) -> None:
        """Close the connections of synchronous clients."""
        cast("Any", self.client).close()
        for sentinel in () if self.sentinel is None else self.sentinel.sentinels:
            sentinel.close()


def open_redis(library: RedisLibrary[Client], url: str, **options: object) -> OpenedRedis[Client]:
    """Open a client, which connects on its first command.

    Clients of one server and of Sentinel try each command once: to repeat a publication could publish twice, and the
    callers' loops try again. The client of a cluster repeats a command that meets a change of the cluster.

    Parameters
    ----------
    library : module
        `redis.asyncio` or `redis`.
    url : str
        The URL; see `har.process.redis_address`.
    **options
        Further arguments of the client.

    Raises
    ------
    ValueError
        If the URL is not valid.
    """
    address = parse_redis_url(url)
    given = {"socket_connect_timeout": CONNECT_SECONDS, "socket_timeout": REPLY_SECONDS} | options
    given |= address.options
    if address.kind == "cluster":
        node_class = sys.modules[library.RedisCluster.__module__].ClusterNode
        nodes = [node_class(node.host, node.port) for node in address.nodes]
        return OpenedRedis(cast("Client", library.RedisCluster(startup_nodes=nodes, **given)), is_cluster=True)
    given["retry"] = None  # as redis-py documents it: no attempt but the first
    if address.kind == "server":
        place = {} if not address.nodes else address.nodes[0]._asdict()
        return OpenedRedis(library.Redis(**place, **given))
    return _open_master(library, address, given)


def _open_master(library: RedisLibrary[Client], address: RedisAddress, given: dict[str, object]) -> OpenedRedis[Client]:
    asking = {"socket_connect_timeout": SENTINEL_SECONDS, "socket_timeout": SENTINEL_SECONDS, "retry": None}
    sentinel = library.Sentinel(
        [tuple(node) for node in address.nodes], sentinel_kwargs=asking | dict(address.sentinel_options)
    )
    return OpenedRedis(cast("Client", sentinel.master_for(address.master, **given)), sentinel=sentinel)


def failures_of(library: RedisLibrary[Any]) -> tuple[type[Exception], ...]:
    """Return what commands raise if Redis is away or answers with an error.

    The errors of a cluster's client are not among redis-py's `RedisError`.
    """
    return (library.RedisError, sys.modules[library.RedisError.__module__].RedisClusterException, OSError)
