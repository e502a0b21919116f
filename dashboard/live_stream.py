"""The WebSocket of the live stream, with a limit on the number of browsers."""

from fastapi import WebSocket, status
from fastapi.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from dashboard.browser_session import BrowserSession, Ticker
from dashboard.limits import BrowserLimits
from dashboard.live_state import LiveState

LIVE_PATH = "/live"


class LiveStream:
    """ASGI application that serves the live state to browsers.

    It is not a route of the FastAPI application, because FastAPI's layers would cost 10 kB per connected browser.

    Parameters
    ----------
    state : LiveState
        The live state to send.
    ticker : Ticker
        Wakes the browser sessions to look for changes.
    limits : BrowserLimits
        The timeouts.
    max_browsers : int
        Maximum number of connected browsers. Further ones are rejected with HTTP status 503.
    """

    def __init__(self, state: LiveState, ticker: Ticker, limits: BrowserLimits, max_browsers: int) -> None:
        self._state = state
        self._ticker = ticker
        self._limits = limits
        self._free = max_browsers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a WebSocket until it closes."""
        websocket = WebSocket(scope, receive, send)
        if scope["path"] != LIVE_PATH:
            await _reject(websocket, status.HTTP_404_NOT_FOUND, "Stream not found.\n")
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
