"""One phone's WebSocket, with what a conversation with it needs; aiohttp's, which reads no faster than it is asked."""

from collections.abc import AsyncGenerator
from typing import Self

from aiohttp import WSCloseCode, WSMsgType, web

#: A close frame holds 125 bytes: two are the code.
MAX_CLOSE_REASON_BYTES = 120


class PhoneLeftError(Exception):
    """The phone is not there any more."""


class PhoneSocket:
    """A WebSocket that is open.

    Parameters
    ----------
    request : Request
        What opened it.
    socket : WebSocketResponse
        Prepared.
    """

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._request = request
        self._socket = socket

    @classmethod
    async def open(
        cls, request: web.Request, *, max_frame_bytes: int, patience_seconds: float, close_seconds: float, protocol: str
    ) -> Self:
        """Answer a request to open a WebSocket.

        Parameters
        ----------
        max_frame_bytes : int
            A longer frame ends the connection, with 1009.
        patience_seconds : float
            A phone that says nothing for twice as long, and does not answer a ping for as long, is taken for gone.
        close_seconds : float
            How long a phone may take to answer a close.
        protocol : str
            What is spoken, for clients that ask which.
        """
        # Without compression: a frame cannot grow when it is unpacked.
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
        """What the request is answered with."""
        return self._socket

    @property
    def address(self) -> str:
        """Host and port of the other side."""
        peer = self._socket.get_extra_info("peername")
        return ":".join(str(part) for part in peer[:2]) if peer else "?"

    @property
    def descriptor(self) -> int:
        """The kernel's number of the socket; negative if it is closed already."""
        socket = self._socket.get_extra_info("socket")
        return -1 if socket is None else int(socket.fileno())

    async def frames(self) -> AsyncGenerator[str | bytes, None]:
        """Yield what comes, one at a time, until the phone leaves."""
        while True:
            message = await self._socket.receive()
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                yield message.data
            else:
                return

    async def send(self, text: str) -> None:
        """Send a text frame; waits while the phone takes none.

        Raises
        ------
        PhoneLeftError
            If it is not there any more.
        """
        try:
            await self._socket.send_str(text)
        except (ConnectionError, RuntimeError) as error:
            raise PhoneLeftError(str(error)) from error

    async def close(self, code: int, reason: str) -> None:
        """Say why it ends, and wait a little for the phone to say so too."""
        message = reason.encode()[:MAX_CLOSE_REASON_BYTES].decode(errors="ignore").encode()
        await self._socket.close(code=WSCloseCode(code) if code < 3_000 else code, message=message)

    def abort(self) -> None:
        """End it without a word."""
        if self._request.transport is not None:
            self._request.transport.abort()
