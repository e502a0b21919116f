"""The live stream's WebSocket: lets in as many browsers as there is room for."""

from fastapi import WebSocket, status
from fastapi.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from dashboard.browser_session import BrowserSession, Ticker
from dashboard.limits import BrowserLimits
from dashboard.live_state import LiveState

LIVE_PATH = "/live"


class LiveStream:
    """ASGI application that serves the live state to browsers.

    It is not a route of the FastAPI application, whose layers would cost 10 kB for each browser that is connected.

    Parameters
    ----------
    state : LiveState
        What browsers see.
    ticker : Ticker
        When to look for changes.
    limits : BrowserLimits
        How long to wait for a browser.
    max_browsers : int
        How many browsers are served at the same time; further ones are rejected with HTTP 503.
    """

    def __init__(self, state: LiveState, ticker: Ticker, limits: BrowserLimits, max_browsers: int) -> None:
        self._state = state
        self._ticker = ticker
        self._limits = limits
        self._free = max_browsers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a WebSocket until it ends."""
        websocket = WebSocket(scope, receive, send)
        if scope["path"] != LIVE_PATH:
            await _reject(websocket, status.HTTP_404_NOT_FOUND, "There is no such stream.\n")
            return
        if self._free <= 0:
            await _reject(websocket, status.HTTP_503_SERVICE_UNAVAILABLE, "Too many browsers are connected.\n")
            return
        self._free -= 1
        try:
            await websocket.accept()
            await BrowserSession(websocket, self._state, self._ticker, self._limits).run()
        finally:
            self._free += 1


async def _reject(websocket: WebSocket, code: int, text: str) -> None:
    await websocket.send_denial_response(PlainTextResponse(text, code))
