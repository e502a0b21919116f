"""Requests that open a phone's WebSocket, and the answers to those that cannot."""

import logging

from aiohttp import WSCloseCode, web
from aiohttp.typedefs import Handler, Middleware

from har.process.missing_upgrades import MissingUpgradeLog
from har.process.unremoved_paths import UnremovedPaths
from ingest.gateway.admission import PROTOCOL, offered_protocols
from ingest.gateway.phone_connection import REVOKED
from ingest.gateway.rejected_requests import RETRY_AFTER_SECONDS, rejection

log = logging.getLogger(__name__)

#: Close codes for pages that are not admitted, by reason. For other reasons it is `TOKEN_EXPIRED`.
CLOSE_CODES: dict[str, int] = {"revoked": REVOKED, "foreign_page": WSCloseCode.POLICY_VIOLATION}


def is_page(request: web.Request) -> bool:
    """Return whether a request comes from a phone page, by its WebSocket subprotocol."""
    return PROTOCOL in offered_protocols(request)


def unavailable(reason: str) -> web.Response:
    """Return the answer while no further phone is accepted."""
    text = f"{reason}; keep your readings and try again in {RETRY_AFTER_SECONDS} s\n"
    return web.Response(status=503, text=text, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


class UpgradeCheck:
    """Checks that requests for WebSockets are such; a proxy may pass them on as plain ones."""

    def __init__(self) -> None:
        self._log = MissingUpgradeLog(log)

    def rejection(self, request: web.Request) -> web.Response | None:
        """Return the answer to a request that opens no WebSocket; None if it does."""
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return None
        self._log.note(request.headers, request.path)
        response = rejection(
            426,
            "no_upgrade",
            "This address needs a WebSocket. If you opened one, a proxy in between did not pass on its headers "
            "Upgrade and Connection.",
        )
        response.headers["Upgrade"] = "websocket"
        return response


def explaining_paths(prefix: str) -> Middleware:
    """Return a middleware that says so if an address is not found because a proxy does not remove its path prefix."""
    unremoved = UnremovedPaths(log, prefix)

    @web.middleware
    async def explain(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPNotFound:
            text = unremoved.explanation(request.path)
            if text is None:
                raise
            raise web.HTTPNotFound(text=f"{text}\n") from None

    return explain
