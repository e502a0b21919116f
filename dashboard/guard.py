"""The checks of every request before it reaches the application: host, token, origin and body size.

The guard also adds the security headers to every response.
"""

import asyncio
import logging
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.access import DashboardAccess
from dashboard.site import SECURITY_HEADERS
from har.process.origin_log import OriginLog

logger = logging.getLogger(__name__)

#: Close code of a stream that was opened by a page that is not the dashboard's, as far as the server knows.
FOREIGN_PAGE = 4403
#: At most 123 bytes, which is what a close frame holds.
_REMEDY = "If a proxy serves this page, start the dashboard with --public-url and the page's address, or pass on Host."
HEALTH_PATH = "/healthz"
DOCS_PATH = "/docs"
#: Prefix of the routes that change something, and of those in `READ_PATHS`. Their errors are JSON.
API_PREFIX = "/v1/"
#: Routes with this prefix that only read.
READ_PATHS = frozenset({f"{API_PREFIX}labels/activities"})
#: Largest body of a request. The page's own documents have less than 300 bytes.
MAX_BODY_BYTES = 1_024

#: Content security policy of Swagger UI, which needs an inline script, inline styles and images as ``data:`` URLs.
_DOCS_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class RequestGuard:
    """ASGI application that rejects disallowed requests before it reads their bodies.

    Parameters
    ----------
    app : ASGIApp
        The application for HTTP requests.
    live : ASGIApp
        The application for WebSockets.
    access : DashboardAccess
        Checks host, token and origin.
    """

    def __init__(self, app: ASGIApp, live: ASGIApp, access: DashboardAccess) -> None:
        self._app = app
        self._live = live
        self._access = access
        self._origin_log = OriginLog(logger, "dashboard")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reject the request, or forward it to the application."""
        is_stream = scope["type"] == "websocket"
        rejection = self._check_stream(scope) if is_stream else self._check_request(scope)
        handler = rejection or (self._live if is_stream else self._app)
        try:
            await handler(scope, receive, _with_security_headers(scope, send))
        except asyncio.CancelledError:
            # The server stops and dropped this request. uvicorn would log the exception as a fault of the application.
            return

    def _check_request(self, scope: Scope) -> ASGIApp | None:
        headers, path, method = Headers(scope=scope), scope["path"], scope["method"]
        is_change = path.startswith(API_PREFIX) and path not in READ_PATHS
        allowed = ("POST",) if is_change else ("GET", "HEAD")
        if method not in allowed:
            text = f"Only {' and '.join(allowed)} requests are allowed here."
            return _rejection(scope, HTTPStatus.METHOD_NOT_ALLOWED, text, {"Allow": ", ".join(allowed)})
        if path == HEALTH_PATH:
            return None
        return self._check_access(scope, headers) or (self._check_change(scope, headers) if is_change else None)

    def _check_stream(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        rejection = self._check_access(scope, headers)
        if rejection is None and not self._access.same_origin(headers):
            self._log_origin(headers)
            return _close_foreign_stream
        return rejection

    def _check_access(self, scope: Scope, headers: Headers) -> Response | None:
        if not self._access.allows_host(headers):
            text = "This host name is not allowed. Use localhost."
            return _rejection(scope, HTTPStatus.MISDIRECTED_REQUEST, text)
        if not self._access.is_authenticated(headers):
            challenge = {"WWW-Authenticate": 'Basic realm="dashboard", charset="UTF-8"'}
            text = "A token is required. Enter it as the password."
            return _rejection(scope, HTTPStatus.UNAUTHORIZED, text, challenge)
        return None

    def _log_origin(self, headers: Headers) -> None:
        self._origin_log.note(headers.get("Origin", "an unknown address"), self._access.host(headers))

    def _check_change(self, scope: Scope, headers: Headers) -> Response | None:
        if not self._access.allows_change(headers):
            self._log_origin(headers)
            text = f"Only the dashboard's own page may change something. {_REMEDY}"
            return _rejection(scope, HTTPStatus.FORBIDDEN, text)
        # A foreign page's form cannot send this type. Its script would need a CORS preflight, which fails.
        if headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
            return _rejection(scope, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The Content-Type must be application/json.")
        length = headers.get("Content-Length")
        if length is None:
            return _rejection(scope, HTTPStatus.LENGTH_REQUIRED, "The request must have a Content-Length.")
        if int(length) > MAX_BODY_BYTES:
            text = f"The body has more than {MAX_BODY_BYTES:,} bytes."
            return _rejection(scope, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text, {"Connection": "close"})
        return None


async def _close_foreign_stream(_: Scope, receive: Receive, send: Send) -> None:
    """Close a stream with the reason in the close frame, since browsers hide the status of a rejection from pages."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": FOREIGN_PAGE, "reason": _REMEDY})


def _rejection(scope: Scope, status: HTTPStatus, text: str, headers: dict[str, str] | None = None) -> Response:
    if scope["path"].startswith(API_PREFIX):
        return JSONResponse({"detail": text}, status, headers)
    return PlainTextResponse(text + "\n", status, headers)


def _with_security_headers(scope: Scope, send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = MutableHeaders(scope=message)
            if scope["path"] == DOCS_PATH:
                headers["Content-Security-Policy"] = _DOCS_POLICY
            for name, value in SECURITY_HEADERS:
                headers.setdefault(name, value)
        await send(message)

    return send_with_headers
