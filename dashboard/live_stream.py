"""The live stream's WebSocket: lets in as many browsers as there is room for."""

from fastapi import Request, WebSocket, status
from fastapi.responses import PlainTextResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute

from dashboard.browser_session import BrowserSession, Ticker
from dashboard.limits import BrowserLimits
from dashboard.live_state import LiveState

LIVE_PATH = "/live"


class LiveStream:
    """Serves the live state to browsers.

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
        self.state = state
        self._ticker = ticker
        self._limits = limits
        self._free = max_browsers

    def routes(self) -> list[BaseRoute]:
        """Return the stream's routes: Starlette's, because FastAPI's would cost 5 kB more a browser."""
        return [WebSocketRoute(LIVE_PATH, self._serve), Route(LIVE_PATH, _ask_for_upgrade)]

    async def _serve(self, websocket: WebSocket) -> None:
        if self._free <= 0:
            full = PlainTextResponse("Too many browsers are connected.\n", status.HTTP_503_SERVICE_UNAVAILABLE)
            await websocket.send_denial_response(full)
            return
        self._free -= 1
        try:
            await websocket.accept()
            await BrowserSession(websocket, self.state, self._ticker, self._limits).run()
        finally:
            self._free += 1


async def _ask_for_upgrade(_: Request) -> PlainTextResponse:
    text = "The live stream is a WebSocket.\n"
    return PlainTextResponse(text, status.HTTP_426_UPGRADE_REQUIRED, {"Upgrade": "websocket"})
