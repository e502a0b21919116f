"""The dashboard as an ASGI application: the page, its live stream, the commands and the health check."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Literal

from fastapi import Request, Response, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi_offline import FastAPIOffline
from pydantic import BaseModel
from starlette.types import ASGIApp

from dashboard.access import DashboardAccess
from dashboard.commands import command_routes
from dashboard.gateway_client import GatewayClient
from dashboard.guard import DOCS_PATH, HEALTH_PATH, RequestGuard
from dashboard.live_state import LiveState
from dashboard.live_stream import LIVE_PATH
from dashboard.site import SiteFile

_DESCRIPTION = (
    "The page's live stream is the WebSocket `/live`, which sends JSON (`dashboard.browser_messages.BrowserUpdate`) "
    "and takes nothing. Requests that change something need `Content-Type: application/json` and a `Content-Length`."
)


class Health(BaseModel):
    """That the dashboard answers, and whether it has Redis."""

    status: Literal["ok"] = "ok"
    redis: Literal["available", "unavailable"]


def create_app(
    site: Mapping[str, SiteFile],
    access: DashboardAccess,
    state: LiveState,
    live: ASGIApp,
    gateway: GatewayClient | None,
) -> RequestGuard:
    """Build the application.

    Parameters
    ----------
    site : mapping of str to SiteFile
        The page's files by path.
    access : DashboardAccess
        Who may see the dashboard.
    state : LiveState
        For the health check.
    live : ASGIApp
        The live stream; see `dashboard.live_stream.LiveStream`.
    gateway : GatewayClient or None
        Where labels and invitations go; None if nowhere.
    """
    app = FastAPIOffline(docs_url=DOCS_PATH, redoc_url=None, title="Dashboard", version="1", description=_DESCRIPTION)
    app.add_exception_handler(RequestValidationError, _invalid)

    async def health() -> Health:
        """Tell that the dashboard answers, and whether it has Redis."""
        return Health(redis="available" if state.redis_unavailable_since is None else "unavailable")

    async def page(request: Request) -> Response:
        file = site.get(request.scope["path"])
        if file is None:
            return PlainTextResponse("There is no such page.\n", status.HTTP_404_NOT_FOUND)
        return _file_response(request, file, access.cookie())

    app.add_api_route(HEALTH_PATH, health, methods=["GET"], tags=["health"])
    app.add_api_route(HEALTH_PATH, health, methods=["HEAD"], include_in_schema=False)
    app.add_api_route(LIVE_PATH, _ask_for_upgrade, methods=["GET", "HEAD"], include_in_schema=False)
    app.include_router(command_routes(gateway))
    app.add_api_route("/{path:path}", page, methods=["GET", "HEAD"], include_in_schema=False)
    return RequestGuard(app, live, access)


def _file_response(request: Request, file: SiteFile, cookie: str | None) -> Response:
    headers = {"ETag": file.etag, "Content-Type": file.content_type}
    if cookie is not None:
        headers["Set-Cookie"] = cookie
    if file.etag in [tag.strip() for tag in request.headers.get("If-None-Match", "").split(",")]:
        del headers["Content-Type"]
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    return Response(file.body, headers=headers)


async def _ask_for_upgrade() -> PlainTextResponse:
    text = "The live stream is a WebSocket.\n"
    return PlainTextResponse(text, status.HTTP_426_UPGRADE_REQUIRED, {"Upgrade": "websocket"})


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    """Answer a document that is not what the route takes, in words as the gateway does."""
    assert isinstance(error, RequestValidationError)
    reasons = [f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors()]
    detail = f"not what is expected here: {'; '.join(reasons)}"
    return JSONResponse({"detail": detail}, HTTPStatus.UNPROCESSABLE_ENTITY)
