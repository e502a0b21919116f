"""The gateway's client: it sends documents to the gateway and returns the answers."""

import logging
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout

from har.process.bounded_reading import read_at_most
from har.process.clients import authorization

logger = logging.getLogger(__name__)

#: Timeout of a request, s. It is longer than the gateway waits for Kafka.
TIMEOUT_SECONDS = 40.0
MAX_ANSWER_BYTES = 262_144
#: Maximum number of simultaneous requests to the gateway, over all browsers.
MAX_CONCURRENT_REQUESTS = 64


class GatewayAnswer(NamedTuple):
    """The gateway's answer, or an error of this client in the same form.

    Attributes
    ----------
    status : int
        The HTTP status.
    body : bytes
        A JSON document. In an error, ``detail`` is the reason in a sentence.
    """

    status: int
    body: bytes


class GatewayClient:
    """Sends requests to a gateway as its operator.

    Parameters
    ----------
    url : str
        The gateway's URL, such as ``http://127.0.0.1:8600``.
    token : str or None
        The operator's token for the gateway; None if the gateway needs none.
    """

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Content-Type": "application/json", **authorization(token)}
        self._session: ClientSession | None = None
        self._running = 0

    async def close(self) -> None:
        """Disconnect from the gateway."""
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str, **query: str) -> GatewayAnswer:
        """Read a path of the gateway; see `post` for the answer."""
        return await self._request("GET", path, query=query)

    async def post(self, path: str, document: bytes) -> GatewayAnswer:
        """Send a JSON document to a path of the gateway.

        Returns
        -------
        GatewayAnswer
            The gateway's answer. Status 502 if there is no valid answer within `TIMEOUT_SECONDS`, 503 if
            `MAX_CONCURRENT_REQUESTS` are running already.
        """
        return await self._request("POST", path, document=document)

    async def _request(
        self, method: str, path: str, *, document: bytes | None = None, query: Mapping[str, str] | None = None
    ) -> GatewayAnswer:
        if self._running >= MAX_CONCURRENT_REQUESTS:
            return _error(503, "Too many requests are waiting for the gateway. Try again.")
        self._running += 1
        try:
            return await self._exchange(method, path, document, query)
        except (ClientError, TimeoutError, OSError, ValueError) as error:
            reason = str(error) or type(error).__name__
            logger.warning("no valid answer from the gateway at %s to %s: %s", self._url, path, reason)
            return _error(502, f"No valid answer from the gateway ({type(error).__name__}). Try again.")
        finally:
            self._running -= 1

    async def _exchange(
        self, method: str, path: str, document: bytes | None, query: Mapping[str, str] | None
    ) -> GatewayAnswer:
        if self._session is None:
            self._session = ClientSession(headers=self._headers, timeout=ClientTimeout(total=TIMEOUT_SECONDS))
        async with self._session.request(
            method, self._url + path, params=query, data=document, allow_redirects=False
        ) as response:
            body = await read_at_most(response.content.iter_any(), MAX_ANSWER_BYTES)
        if not (response.status == 200 or 400 <= response.status < 600):
            raise ValueError(f"HTTP status {response.status}")
        msgspec.json.decode(body)
        return GatewayAnswer(response.status, body)


def _error(status: int, detail: str) -> GatewayAnswer:
    return GatewayAnswer(status, msgspec.json.encode({"detail": detail}))
