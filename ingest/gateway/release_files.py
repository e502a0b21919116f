"""The store's files for the phone page, forwarded unchanged from the page's own origin. The page verifies them.

A device may read every release, but of the personal heads only its own.
"""

import asyncio
import re
from pathlib import Path

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from har.personal_index import device_id
from har.process.bounded_reading import OversizedError, read_at_most
from har.process.clients import authorization
from ingest.gateway.admission import Admission
from ingest.gateway.pages import PREFIX, SECURITY_HEADERS
from ingest.gateway.rejected_requests import rejection
from ingest.gateway.settings import GatewaySettings

#: Largest file to forward; models for phones are far smaller.
MAX_FILE_BYTES = 64 * 1024 * 1024
_PATH = re.compile(r"(metadata|targets)(/[A-Za-z0-9_][A-Za-z0-9._-]{0,200}){1,4}")
#: The file of a personal head, with the id of its device.
_HEAD = re.compile(r".*\.personal-([0-9a-f]+)-\d+\.json", re.IGNORECASE)  # a store may be on a disk that ignores case
TRUSTED_ROOT = "trusted_root.json"


class ReleaseFiles:
    """The routes below ``/phone/store/``.

    Parameters
    ----------
    settings : GatewaySettings
        The store's address and token, and the trusted root.
    admission : Admission
        Identifies callers; every caller that may send may read, except the personal heads of other devices.
    """

    def __init__(self, settings: GatewaySettings, admission: Admission) -> None:
        self._url = (settings.store_url or "").rstrip("/")
        self._trusted_root: Path = settings.trusted_root
        self._admission = admission
        token = settings.store_token
        self._headers = authorization(None if token is None else token.get_secret_value())
        self._session: ClientSession | None = None

    def routes(self) -> list[web.RouteDef]:
        """Return the routes; an empty list without a store."""
        return [web.get(PREFIX + "store/{path:.*}", self._get)] if self._url else []

    async def close(self) -> None:
        """Close the connections to the store."""
        if self._session is not None:
            await self._session.close()

    async def _get(self, request: web.Request) -> web.StreamResponse:
        caller = self._admission.caller(request)
        path = request.match_info["path"]
        if path == TRUSTED_ROOT:
            return await self._root()
        head = _HEAD.fullmatch(path)
        is_of_another = head is not None and caller.device is not None and head[1] != device_id(caller.device)
        if is_of_another or not _PATH.fullmatch(path):
            raise web.HTTPNotFound(text="the store has no such file\n")
        if self._session is None:
            self._session = ClientSession(headers=self._headers, timeout=ClientTimeout(total=120, sock_read=20))
        try:
            async with self._session.get(f"{self._url}/{path}", allow_redirects=False) as found:
                if found.status != 200:
                    return rejection(
                        404 if found.status == 404 else 502, "store", f"the store returned HTTP status {found.status}"
                    )
                body = await read_at_most(found.content.iter_any(), MAX_FILE_BYTES)
        except OversizedError as error:
            return rejection(502, "store", f"the store's file is too large: {error}")
        except (ClientError, TimeoutError, OSError) as error:
            return rejection(502, "store", f"cannot reach the store: {error}", retry=True)
        return _file(body)

    async def _root(self) -> web.StreamResponse:
        try:
            return _file(await asyncio.to_thread(self._trusted_root.read_bytes))
        except OSError as error:
            return rejection(502, "store", f"the gateway cannot read the store's trusted root: {error.strerror}")


def _file(body: bytes) -> web.Response:
    headers = {**SECURITY_HEADERS, "Cache-Control": "no-store"}  # the page stores the files that it has verified
    return web.Response(body=body, content_type="application/octet-stream", headers=headers)
