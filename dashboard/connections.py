"""uvicorn's connections and server, with the bounds in time and memory that a server for unknown peers needs.

uvicorn waits without limit for a request that never comes, and closes a transport only after its buffer is flushed: a
peer that reads nothing would keep its connection, and up to a message of memory, until TCP gives up. The subclasses
here drop such connections.
"""

import asyncio
from asyncio import BaseTransport, TimerHandle
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from socket import SHUT_RDWR, socket
from typing import Any

import uvicorn
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode
from websockets.protocol import State

#: How long a peer may take to send a whole request or the opening handshake.
OPEN_TIMEOUT_SECONDS = 10.0
#: How long a peer may take to complete the closing handshake, and to take what was sent before it.
CLOSE_TIMEOUT_SECONDS = 1.0
#: Above this much in a connection's buffer, sending waits until the peer has taken most of it.
WRITE_BUFFER_BYTES = 32_768

#: ASGI has no message for what an application asks of a connection here.
_EXTENSION = "dashboard.connection"


async def drain_browser(scope: MutableMapping[str, Any], seconds: float) -> None:
    """Wait until the peer of an ASGI scope's WebSocket has taken most of what was sent.

    uvicorn waits for this before it sends the next message, which would be held meanwhile.

    Raises
    ------
    TimeoutError
        If it has not within so many seconds.
    """
    writable: asyncio.Event = scope["extensions"][_EXTENSION]["writable"]
    if not writable.is_set():  # usually it is, and no timer is needed
        async with asyncio.timeout(seconds):
            await writable.wait()


def drop_browser(scope: MutableMapping[str, Any]) -> None:
    """Drop the WebSocket of an ASGI scope at once, without a closing handshake: it would wait behind unread data."""
    scope["extensions"][_EXTENSION]["drop"]()


class _Dropping:
    """Drops a connection at once.

    asyncio's TLS transport cannot abort after it was closed twice, as uvicorn does; so the socket is shut down, too.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._socket = transport.get_extra_info("socket")

    def __call__(self) -> None:
        self._transport.abort()
        with suppress(OSError):  # it is closed already
            self._socket.shutdown(SHUT_RDWR)


class HttpConnection(H11Protocol):
    """An HTTP connection that is dropped if a request is not complete in time."""

    _deadline: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Wait for the first request."""
        assert isinstance(transport, asyncio.Transport)
        super().connection_made(transport)
        self.drop = _Dropping(self.transport)
        self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._clear_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take data; a request that is complete, or becomes a WebSocket, has met its deadline."""
        super().data_received(data)
        is_upgraded = self.transport.get_protocol() is not self
        if is_upgraded or (self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete):
            self._clear_deadline()
        elif self._deadline is None:
            self._set_deadline()

    def _set_deadline(self) -> None:
        self._deadline = self.loop.call_later(OPEN_TIMEOUT_SECONDS, self.drop)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class BrowserConnection(WebSocketsSansIOProtocol):
    """A WebSocket whose peer may neither read nor answer.

    An application can wait until the peer has taken what was sent (`drain_browser`), and drop it (`drop_browser`). A
    connection that is to end is dropped if the peer does not let it end in time.
    """

    _deadline: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Bound the buffer, and the time of the opening handshake."""
        super().connection_made(transport)
        self.drop = _Dropping(self.transport)
        self.transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        self.close_timeout = CLOSE_TIMEOUT_SECONDS
        self._set_deadline(OPEN_TIMEOUT_SECONDS, self._drop_unopened)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def keepalive_timeout(self) -> None:
        """Close the connection because no pong came, and let the application know."""
        super().keepalive_timeout()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": CloseCode.INTERNAL_ERROR})

    def shutdown(self) -> None:
        """Close the connection because the server stops."""
        self.stop_keepalive()
        if not self.handshake_complete:
            self.send_500_response()
        elif not self.close_sent and self.conn.state is State.OPEN:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": CloseCode.GOING_AWAY})
            self.conn.send_close(CloseCode.GOING_AWAY)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
        self.transport.close()

    async def run_asgi(self) -> None:
        """Run the application; afterwards the connection ends in time."""
        self.scope["extensions"][_EXTENSION] = {"writable": self.writable, "drop": self.drop}
        await super().run_asgi()
        if not self.disconnected:
            self._set_deadline(CLOSE_TIMEOUT_SECONDS, self.drop)

    async def send(self, message: ASGISendEvent) -> None:
        """Send; a message after the connection was closed is the peer's doing, and no fault of the application."""
        if self.close_sent and message["type"] == "websocket.send":
            raise ClientDisconnected
        await super().send(message)

    def _set_deadline(self, seconds: float, drop: Callable[[], None]) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, drop)

    def _drop_unopened(self) -> None:
        if not self.handshake_complete:
            self.drop()


class DashboardServer(uvicorn.Server):
    """uvicorn's server, run by `dashboard.server.serve`, which handles the signals.

    Parameters
    ----------
    config : uvicorn.Config
        With `HttpConnection` and `BrowserConnection`.
    on_started : callable
        Called once peers can connect.
    shutdown_seconds : float
        When stopping, how long connections and requests may take to end by themselves.
    """

    def __init__(self, config: uvicorn.Config, *, on_started: Callable[[], None], shutdown_seconds: float) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._shutdown_seconds = shutdown_seconds

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Start to accept connections."""
        await super().startup(sockets=sockets)
        self._on_started()

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Close all connections, and drop those that do not end in time."""
        deadline = asyncio.get_running_loop().call_later(self._shutdown_seconds, self._drop_all)
        try:
            await super().shutdown(sockets=sockets)
        finally:
            deadline.cancel()

    def _drop_all(self) -> None:
        for connection in list(self.server_state.connections):
            if isinstance(connection, HttpConnection | BrowserConnection):
                connection.drop()
        for task in list(self.server_state.tasks):
            task.cancel()
        self.force_exit = True  # what is left is not waited for
