"""uvicorn's connections and server, with limits of time and memory against slow or hostile peers.

uvicorn has no timeout for a request that never completes. It also closes a transport only after the buffer is flushed,
so a peer that reads nothing keeps its connection, and up to one message in memory, until TCP times out. The subclasses
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

#: Timeout for a complete request or the opening handshake, s.
OPEN_TIMEOUT_SECONDS = 10.0
#: Timeout for the closing handshake, s. It includes the time to read what was sent before.
CLOSE_TIMEOUT_SECONDS = 1.0
#: If a connection's write buffer holds more than this, sending waits until the peer has read most of it.
WRITE_BUFFER_BYTES = 32_768

#: The ASGI extension for draining and dropping a connection, for which ASGI has no messages.
_EXTENSION = "dashboard.connection"


async def drain_browser(scope: MutableMapping[str, Any], seconds: float) -> None:
    """Wait until the peer of an ASGI scope's WebSocket has read most of what was sent.

    uvicorn's own `send` also waits for this, but it holds the next message in memory meanwhile.

    Raises
    ------
    TimeoutError
        If the peer has not read it within this number of seconds.
    """
    writable: asyncio.Event = scope["extensions"][_EXTENSION]["writable"]
    if not writable.is_set():  # usually it is set, and no timer is needed
        async with asyncio.timeout(seconds):
            await writable.wait()


def drop_browser(scope: MutableMapping[str, Any]) -> None:
    """Drop the WebSocket of an ASGI scope immediately.

    The connection closes without a handshake, which would have to wait until the peer has read all earlier data.
    """
    scope["extensions"][_EXTENSION]["drop"]()


class _ConnectionDropper:
    """Drops a connection immediately.

    It also shuts down the socket, because asyncio's TLS transport ignores `abort` after two calls of `close`, which
    uvicorn makes.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._socket = transport.get_extra_info("socket")

    def __call__(self) -> None:
        self._transport.abort()
        with suppress(OSError):  # already closed
            self._socket.shutdown(SHUT_RDWR)


class HttpConnection(H11Protocol):
    """An HTTP connection that is dropped if a request is not complete within `OPEN_TIMEOUT_SECONDS`."""

    _deadline: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Start the deadline of the first request."""
        assert isinstance(transport, asyncio.Transport)
        super().connection_made(transport)
        self.drop = _ConnectionDropper(self.transport)
        self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the deadline."""
        self._clear_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Process data. A complete request, or an upgrade to WebSocket, ends the deadline."""
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
    """A WebSocket that tolerates peers that neither read nor reply.

    The application can wait until the peer has read what was sent (`drain_browser`), and can drop the connection
    (`drop_browser`). A closing connection is dropped if the peer does not complete the closing handshake in time.
    """

    _deadline: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Limit the write buffer, and start the deadline of the opening handshake."""
        super().connection_made(transport)
        self.drop = _ConnectionDropper(self.transport)
        self.transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        self.close_timeout = CLOSE_TIMEOUT_SECONDS
        self._set_deadline(OPEN_TIMEOUT_SECONDS, self._drop_unopened)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the deadline."""
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def keepalive_timeout(self) -> None:
        """Close the connection after a missing pong, and notify the application."""
        super().keepalive_timeout()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": CloseCode.INTERNAL_ERROR})

    def shutdown(self) -> None:
        """Close the connection when the server stops."""
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
        """Run the application, then start the deadline of the closing handshake."""
        self.scope["extensions"][_EXTENSION] = {"writable": self.writable, "drop": self.drop}
        await super().run_asgi()
        if not self.disconnected:
            self._set_deadline(CLOSE_TIMEOUT_SECONDS, self.drop)

    async def send(self, message: ASGISendEvent) -> None:
        """Send a message.

        Raises
        ------
        ClientDisconnected
            If the connection was already closed. uvicorn would report a fault of the application instead.
        """
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
    """uvicorn's server without signal handlers; `dashboard.server` handles the signals.

    Parameters
    ----------
    config : uvicorn.Config
        The configuration, with `HttpConnection` and `BrowserConnection` as protocols.
    on_started : callable
        Called once clients can connect.
    shutdown_seconds : float
        How long connections and requests may take to end when the server stops, s. The others are dropped.
    """

    def __init__(self, config: uvicorn.Config, *, on_started: Callable[[], None], shutdown_seconds: float) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._shutdown_seconds = shutdown_seconds

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no signal handlers."""
        yield

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Start accepting connections."""
        await super().startup(sockets=sockets)
        self._on_started()

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Close all connections, and drop those that are still open at the deadline."""
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
        self.force_exit = True  # do not wait for the remaining connections and tasks
