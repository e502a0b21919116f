"""The dashboard's ASGI application: the page, its live stream, the commands and the health check."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Literal

from fastapi import Request, Response, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi_offline import FastAPIOffline
from pydantic import BaseModel, Field
from starlette.types import ASGIApp

from dashboard.access import DashboardAccess
from dashboard.commands import command_routes
from dashboard.gateway_client import GatewayClient
from dashboard.guard import DOCS_PATH, HEALTH_PATH, RequestGuard
from dashboard.live_state import LiveState
from dashboard.live_stream import LIVE_PATH
from har.process.missing_upgrades import MissingUpgradeLog
from har.process.path_prefix import PathPrefix
from har.process.redis_errors import Status
from har.time_units import MICROSECONDS
from har.web.page_files import PageFile

logger = logging.getLogger(__name__)

_DESCRIPTION = (
    "The WebSocket `/live` is the page's live stream. It sends JSON (`dashboard.browser_messages.BrowserUpdate`) and "
    "accepts no messages. POST requests need `Content-Type: application/json` and `Content-Length`."
)


class Health(BaseModel):
    """The health of the dashboard."""

    status: Literal["ok"] = "ok"
    redis: Status
    redis_error: str | None = Field(None, description="kind of the newest error, such as NOPERM or unreachable")
    seconds_without_update: float | None = Field(
        None, description="time since the last live update, s; null before the first"
    )


def create_app(
    site: Mapping[str, PageFile],
    access: DashboardAccess,
    state: LiveState,
    live: ASGIApp,
    gateway: GatewayClient | None,
    *,
    path_prefix: str = "",
) -> RequestGuard:
    """Create the application.

    Parameters
    ----------
    site : mapping of str to PageFile
        The page's files by URL path.
    access : DashboardAccess
        Checks access.
    state : LiveState
        The health check reads the availability of Redis from it.
    live : ASGIApp
        The live stream (`dashboard.live_stream.LiveStream`).
    gateway : GatewayClient or None
        The gateway for labels and invitations. If None, the commands are rejected.
    path_prefix : str
        The path at which a reverse proxy serves the dashboard.
    """
    app = FastAPIOffline(docs_url=DOCS_PATH, redoc_url=None, title="Dashboard", version="1", description=_DESCRIPTION)
    app.add_exception_handler(RequestValidationError, _reject_invalid)
    missing_upgrades = MissingUpgradeLog(logger)

    async def health() -> Health:
        """Return that the dashboard responds, whether Redis is available, and how old the newest update is."""
        fault, newest = state.redis.fault, state.newest_update
        return Health(
            redis=state.redis.status,
            redis_error=None if fault is None else fault.kind,
            seconds_without_update=None if newest is None else (state.clock.wall_us() - newest) / MICROSECONDS,
        )

    async def page(request: Request) -> Response:
        file = site.get(f"/{request.path_params['path']}")
        if file is None:
            return PlainTextResponse("Page not found.\n", status.HTTP_404_NOT_FOUND)
        return _file_response(request, file, access.cookie())

    async def require_upgrade(request: Request) -> PlainTextResponse:
        missing_upgrades.note(request.headers, LIVE_PATH)
        text = "This path needs a WebSocket client.\n"
        return PlainTextResponse(text, status.HTTP_426_UPGRADE_REQUIRED, {"Upgrade": "websocket"})

    app.add_api_route(HEALTH_PATH, health, methods=["GET"], tags=["health"])
    app.add_api_route(HEALTH_PATH, health, methods=["HEAD"], include_in_schema=False)
    app.add_api_route(LIVE_PATH, require_upgrade, methods=["GET", "HEAD"], include_in_schema=False)
    app.include_router(command_routes(gateway))
    app.add_api_route("/{path:path}", page, methods=["GET", "HEAD"], include_in_schema=False)
    return RequestGuard(PathPrefix(app, path_prefix, logger), live, access)


def _file_response(request: Request, file: PageFile, cookie: str | None) -> Response:
    headers = {"ETag": file.etag, "Content-Type": file.content_type}
    if cookie is not None:
        headers["Set-Cookie"] = cookie
    if file.matches(request.headers.get("If-None-Match")):
        del headers["Content-Type"]
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    return Response(file.body, headers=headers)


async def _reject_invalid(_: Request, error: Exception) -> JSONResponse:
    """Reject an invalid document. As at the gateway, `detail` is one text."""
    assert isinstance(error, RequestValidationError)
    reasons = [f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors()]
    detail = f"invalid request: {'; '.join(reasons)}"
    return JSONResponse({"detail": detail}, HTTPStatus.UNPROCESSABLE_ENTITY)
