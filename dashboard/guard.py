"""What every request passes first: the checks of host, token and origin, the size of a body, the security headers."""

import asyncio
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.access import DashboardAccess
from dashboard.site import SECURITY_HEADERS

HEALTH_PATH = "/healthz"
DOCS_PATH = "/docs"
#: Below it are the routes that change something; their errors are JSON.
API_PREFIX = "/v1/"
#: The largest document that a browser may send; the page's are below 300 bytes.
MAX_BODY_BYTES = 1_024

#: Swagger UI starts with a script in its page, sets styles in elements, and has pictures in its style sheet.
_DOCS_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class RequestGuard:
    """ASGI application that rejects what must not reach the dashboard, before a body is read.

    Parameters
    ----------
    app : ASGIApp
        Answers HTTP requests.
    live : ASGIApp
        Serves WebSockets.
    access : DashboardAccess
        Who may see the dashboard.
    """

    def __init__(self, app: ASGIApp, live: ASGIApp, access: DashboardAccess) -> None:
        self._app = app
        self._live = live
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request or pass it on."""
        is_stream = scope["type"] == "websocket"
        rejection = self._reject_stream(scope) if is_stream else self._reject_request(scope)
        answer = rejection or (self._live if is_stream else self._app)
        try:
            await answer(scope, receive, _securing(scope, send))
        except asyncio.CancelledError:
            # The server stops and this request did not end in time; uvicorn would report a fault of the application.
            return

    def _reject_request(self, scope: Scope) -> Response | None:
        headers, path, method = Headers(scope=scope), scope["path"], scope["method"]
        is_change = method == "POST" and path.startswith(API_PREFIX)
        if method not in ("GET", "HEAD") and not is_change:
            return _rejection(scope, HTTPStatus.METHOD_NOT_ALLOWED, "Only GET and HEAD.", {"Allow": "GET, HEAD"})
        if path == HEALTH_PATH:
            return None
        return self._reject_stranger(scope, headers) or (self._reject_change(scope, headers) if is_change else None)

    def _reject_stream(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        rejection = self._reject_stranger(scope, headers)
        if rejection is None and not self._access.same_origin(headers):
            return _rejection(scope, HTTPStatus.FORBIDDEN, "The live stream is for the dashboard's page.")
        return rejection

    def _reject_stranger(self, scope: Scope, headers: Headers) -> Response | None:
        if not self._access.knows_host(headers):
            text = "This host is not served here: use localhost."
            return _rejection(scope, HTTPStatus.MISDIRECTED_REQUEST, text)
        if not self._access.is_authenticated(headers):
            challenge = {"WWW-Authenticate": 'Basic realm="dashboard", charset="UTF-8"'}
            return _rejection(scope, HTTPStatus.UNAUTHORIZED, "The token is needed, as a password.", challenge)
        return None

    def _reject_change(self, scope: Scope, headers: Headers) -> Response | None:
        if not self._access.may_change(headers):
            return _rejection(scope, HTTPStatus.FORBIDDEN, "Changes are for the dashboard's page.")
        # A form of a foreign page cannot send this type, and a script of one would have to ask first.
        if headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
            return _rejection(scope, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body must be application/json.")
        length = headers.get("Content-Length")
        if length is None:
            return _rejection(scope, HTTPStatus.LENGTH_REQUIRED, "The request needs a Content-Length.")
        if int(length) > MAX_BODY_BYTES:
            text = f"The body has more than {MAX_BODY_BYTES:,} bytes."
            return _rejection(scope, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text, {"Connection": "close"})
        return None


def _rejection(scope: Scope, status: HTTPStatus, text: str, headers: dict[str, str] | None = None) -> Response:
    if scope["path"].startswith(API_PREFIX):
        return JSONResponse({"detail": text}, status, headers)
    return PlainTextResponse(text + "\n", status, headers)


def _securing(scope: Scope, send: Send) -> Send:
    async def send_secured(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = MutableHeaders(scope=message)
            if scope["path"] == DOCS_PATH:
                headers["Content-Security-Policy"] = _DOCS_POLICY
            for name, value in SECURITY_HEADERS:
                headers.setdefault(name, value)
        await send(message)

    return send_secured
