"""One phone's WebSocket: aiohttp's, because it reads from the socket only on request, so that TCP slows the phone."""

from collections.abc import AsyncGenerator
from typing import Self

from aiohttp import WSCloseCode, WSMsgType, web

from har.process.addresses import host_and_port

#: Longest reason in a close frame. A close frame holds 125 bytes, two of which are the code.
MAX_CLOSE_REASON_BYTES = 120


class PhoneLeftError(Exception):
    """The phone has disconnected."""


class PhoneSocket:
    """An open WebSocket.

    Parameters
    ----------
    request : Request
        The request that opened the WebSocket.
    socket : WebSocketResponse
        aiohttp's WebSocket, prepared.
    """

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._request = request
        self._socket = socket

    @classmethod
    async def open(
        cls, request: web.Request, *, max_frame_bytes: int, patience_seconds: float, close_seconds: float, protocol: str
    ) -> Self:
        """Accept a request to open a WebSocket.

        Parameters
        ----------
        max_frame_bytes : int
            A longer frame closes the connection with code 1009.
        patience_seconds : float
            A phone that sends nothing for twice this time gets a ping; without a pong within this time it is
            considered disconnected.
        close_seconds : float
            How long a phone may take to answer a close frame.
        protocol : str
            The WebSocket subprotocol, for clients that request one.
        """
        # No compression, so that a frame cannot grow when it is decompressed.
        socket = web.WebSocketResponse(
            timeout=close_seconds,
            heartbeat=2 * patience_seconds,
            max_msg_size=max_frame_bytes,
            compress=False,
            protocols=(protocol,) if "Sec-WebSocket-Protocol" in request.headers else (),
        )
        await socket.prepare(request)
        return cls(request, socket)

    @property
    def response(self) -> web.WebSocketResponse:
        """The HTTP response to the request."""
        return self._socket

    @property
    def address(self) -> str:
        """The phone's host and port, or, behind a proxy, the host that the proxy states and the proxy's port."""
        peer = self._socket.get_extra_info("peername")
        return host_and_port(self._request.remote or str(peer[0]), int(peer[1])) if peer else "?"

    @property
    def descriptor(self) -> int:
        """The socket's file descriptor; -1 if the socket is closed already."""
        socket = self._socket.get_extra_info("socket")
        return -1 if socket is None else int(socket.fileno())

    async def frames(self) -> AsyncGenerator[str | bytes, None]:
        """Yield the frames that arrive, until the connection closes."""
        while True:
            message = await self._socket.receive()
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                yield message.data
            else:
                return

    async def send(self, text: str) -> None:
        """Send a text frame; wait while the send buffer is full.

        Raises
        ------
        PhoneLeftError
            If the phone has disconnected.
        """
        try:
            await self._socket.send_str(text)
        except (ConnectionError, RuntimeError) as error:
            raise PhoneLeftError(str(error)) from error

    async def ping(self) -> None:
        """Send a ping; wait while the send buffer is full.

        Raises
        ------
        PhoneLeftError
            If the phone has disconnected.
        """
        try:
            await self._socket.ping()
        except (ConnectionError, RuntimeError) as error:
            raise PhoneLeftError(str(error)) from error

    async def close(self, code: int, reason: str) -> None:
        """Send a close frame with the reason, and wait for the phone's close frame."""
        message = reason.encode()[:MAX_CLOSE_REASON_BYTES].decode(errors="ignore").encode()
        await self._socket.close(code=WSCloseCode(code) if code < 3_000 else code, message=message)

    def abort(self) -> None:
        """Close the connection without a close frame."""
        if self._request.transport is not None:
            self._request.transport.abort()
