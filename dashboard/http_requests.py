"""Answers HTTP requests: the page's files, the health check, and who may open the live stream."""

from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus

import msgspec
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from dashboard.access import DashboardAccess
from dashboard.live_state import LiveState
from dashboard.site import SECURITY_HEADERS, SiteFile

LIVE_PATH = "/live"
COMMANDS_PATH = "/commands"
HEALTH_PATH = "/healthz"


class RequestHandler:
    """What `websockets` asks before the opening handshake of every connection.

    Parameters
    ----------
    site : mapping of str to SiteFile
        The files by path.
    access : DashboardAccess
        Who may see them.
    state : LiveState
        For the health check.
    has_room : callable
        Tells whether a further browser can open a stream, by its path.
    streams : collection of str
        The paths that are WebSockets.
    """

    def __init__(
        self,
        site: Mapping[str, SiteFile],
        access: DashboardAccess,
        state: LiveState,
        has_room: Callable[[str], bool],
        streams: Collection[str] = (LIVE_PATH,),
    ) -> None:
        self._site = site
        self._access = access
        self._state = state
        self._has_room = has_room
        self._streams = streams

    def __call__(self, connection: ServerConnection, request: Request) -> Response | None:
        """Return the answer, or None to open the live stream."""
        path = request.path.partition("?")[0]
        response = self._reject(connection, request, path)
        if response is None and path in self._streams:
            return None
        if response is None:
            response = self._health(connection) if path == HEALTH_PATH else self._file(connection, request, path)
        for name, value in SECURITY_HEADERS:
            response.headers[name] = value
        if request.method == "HEAD":
            response.body = b""
        return response

    def _reject(self, connection: ServerConnection, request: Request, path: str) -> Response | None:
        respond, headers = connection.respond, request.headers
        if request.method not in ("GET", "HEAD"):
            response = respond(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET and HEAD.\n")
            response.headers["Allow"] = "GET, HEAD"
            return response
        if path == HEALTH_PATH:
            return None
        if not self._access.knows_host(headers):
            return respond(HTTPStatus.MISDIRECTED_REQUEST, "This host is not served here: use localhost.\n")
        if not self._access.is_authenticated(headers):
            response = respond(HTTPStatus.UNAUTHORIZED, "The token is needed, as a password.\n")
            response.headers["WWW-Authenticate"] = 'Basic realm="dashboard", charset="UTF-8"'
            return response
        return self._reject_stream(connection, headers, path) if path in self._streams else None

    def _reject_stream(self, connection: ServerConnection, headers: Headers, path: str) -> Response | None:
        if not self._access.same_origin(headers):
            return connection.respond(HTTPStatus.FORBIDDEN, "The live stream is for the dashboard's page.\n")
        if not self._has_room(path):
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "Too many browsers are connected.\n")
        return None

    def _health(self, connection: ServerConnection) -> Response:
        available = self._state.redis_unavailable_since is None
        body = {"status": "ok", "redis": "available" if available else "unavailable"}
        response = connection.respond(HTTPStatus.OK, msgspec.json.encode(body).decode() + "\n")
        _set(response, "Content-Type", "application/json")
        return response

    def _file(self, connection: ServerConnection, request: Request, path: str) -> Response:
        file = self._site.get(path)
        if file is None:
            return connection.respond(HTTPStatus.NOT_FOUND, "There is no such page.\n")
        if file.etag in [tag.strip() for tag in request.headers.get("If-None-Match", "").split(",")]:
            response = connection.respond(HTTPStatus.NOT_MODIFIED, "")
            del response.headers["Content-Length"], response.headers["Content-Type"]
        else:
            response = connection.respond(HTTPStatus.OK, "")
            response.body = file.body
            _set(response, "Content-Length", str(len(file.body)))
            _set(response, "Content-Type", file.content_type)
        response.headers["ETag"] = file.etag
        cookie = self._access.cookie()
        if cookie is not None:
            response.headers["Set-Cookie"] = cookie
        return response


def _set(response: Response, name: str, value: str) -> None:
    # Assigning to a header that is there already would send it twice.
    del response.headers[name]
    response.headers[name] = value
