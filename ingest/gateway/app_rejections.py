"""Rejections for the Sensor Logger app: status 499 and plain text, the only ones whose words the app shows.

The app shows the text to the wearer, once in a recording. Of other answers it shows nothing. Its reference does not
say that it sends a document again after any answer, so that also a temporary failure is told to the wearer. A program
that asks for JSON gets the usual answer, whose status says whether trying again helps.
"""

from aiohttp import web
from aiohttp.typedefs import Handler

from ingest.gateway.rejected_requests import RejectedResponse
from ingest.gateway.sensor_logger_route import PATH

#: The status whose text the app shows.
STATUS = 499


@web.middleware
async def tell_the_app(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer rejected documents with status 499 and plain text, unless the client asks for JSON only."""
    response = await handler(request)
    if request.path != PATH or not isinstance(response, RejectedResponse) or asks_for_json(request):
        return response
    rejected = response.rejected
    kept = {name: response.headers[name] for name in ("Retry-After", "WWW-Authenticate") if name in response.headers}
    text = f"{rejected.detail.removesuffix('.')} ({rejected.code})"  # the app adds a full stop
    plain = web.Response(status=STATUS, reason="Rejected", text=text, headers=kept)
    if response.keep_alive is False:
        plain.force_close()
    return plain


def asks_for_json(request: web.Request) -> bool:
    """Return whether the client accepts JSON and no plain text; HTTP libraries that the app may use accept both."""
    accepted = {part.partition(";")[0].strip().lower() for part in request.headers.get("Accept", "").split(",")}
    return "application/json" in accepted and not accepted & {"text/plain", "text/*", "*/*"}
