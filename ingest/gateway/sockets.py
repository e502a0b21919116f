"""The gateway's listening socket: how many connections there may be at all, and how long one may take to ask."""

import asyncio
import logging
from collections.abc import Callable
from typing import cast

from prometheus_client import Counter

log = logging.getLogger(__name__)

#: Connections beyond those of phones: for pages, pushes and health checks.
SPARE = 500
_NO_ROOM = b"too many connections; keep your readings and try again in 5 s\n"
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(_NO_ROOM), _NO_ROOM)
)


class ConnectionLimiter:
    """Lets connections in while there are not too many.

    Without it a flood of connections would use up the process's file descriptors, and then nobody gets in who has
    something to send.

    Parameters
    ----------
    make : callable
        Makes what deals with a connection.
    count : callable
        How many connections there are.
    most : int
        How many there may be.
    turned_away : Counter
        Of those that were too many.
    """

    def __init__(
        self, make: Callable[[], asyncio.Protocol], count: Callable[[], int], most: int, turned_away: Counter
    ) -> None:
        self._make = make
        self._count = count
        self._most = most
        self._turned_away = turned_away
        self._is_full = False

    def __call__(self) -> asyncio.Protocol:
        """Return what receives a connection that is being made."""
        return _Arrival(self)

    def receive(self, transport: asyncio.Transport) -> None:
        """Hand a connection over, or say that there is no room and hang up."""
        if self._count() < self._most:
            self._is_full = False
            protocol = self._make()
            transport.set_protocol(protocol)
            protocol.connection_made(transport)
            return
        if not self._is_full:
            self._is_full = True
            log.warning("over %d connections: further ones are turned away", self._most)
        self._turned_away.inc()
        transport.write(_FULL)
        transport.close()


class _Arrival(asyncio.Protocol):
    """Only once a connection is made, and encrypted if it is to be, does it count: many are being made at once."""

    def __init__(self, door: ConnectionLimiter) -> None:
        self._door = door

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._door.receive(cast(asyncio.Transport, transport))
