"""The limit on the number of open connections to the gateway."""

import asyncio
import logging
from collections.abc import Callable
from typing import cast

from prometheus_client import Counter

log = logging.getLogger(__name__)

#: Connections that are allowed beyond those of phones, for pages, pushes and health checks.
SPARE_CONNECTIONS = 500
_BODY = b"too many connections; keep your readings and try again in 5 s\n"
_RESPONSE = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(_BODY), _BODY)
)


class ConnectionLimiter:
    """Accepts connections up to a limit; answers further ones with HTTP 503 and closes them.

    Without a limit, a flood of connections would use up the process's file descriptors, and phones could not connect.

    Parameters
    ----------
    make_protocol : callable
        Returns the protocol that serves an accepted connection.
    count : callable
        Returns the number of open connections.
    limit : int
        The largest number of open connections.
    rejected : Counter
        Counts the rejected connections.
    """

    def __init__(
        self, make_protocol: Callable[[], asyncio.Protocol], count: Callable[[], int], limit: int, rejected: Counter
    ) -> None:
        self._make_protocol = make_protocol
        self._count = count
        self._limit = limit
        self._rejected = rejected
        self._is_full = False

    def __call__(self) -> asyncio.Protocol:
        """Return the protocol of a connection that is being established."""
        return _NewConnection(self)

    def receive(self, transport: asyncio.Transport) -> None:
        """Serve an established connection, or reject it at the limit."""
        if self._count() < self._limit:
            self._is_full = False
            protocol = self._make_protocol()
            transport.set_protocol(protocol)
            protocol.connection_made(transport)
            return
        if not self._is_full:
            self._is_full = True
            log.warning("rejecting further connections: the limit of %d is reached", self._limit)
        self._rejected.inc()
        transport.write(_RESPONSE)
        transport.close()


class _NewConnection(asyncio.Protocol):
    """A connection until it is established, including its TLS handshake.

    The limiter decides only then, because many connections may be in their handshake at once.
    """

    def __init__(self, limiter: ConnectionLimiter) -> None:
        self._limiter = limiter

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._limiter.receive(cast(asyncio.Transport, transport))
