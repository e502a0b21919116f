"""Identification of callers: a device by its token, the operator by the gateway's; an open gateway admits anyone."""

import asyncio
import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from har.process.origin_log import OriginLog
from har.process.page_origins import PageOrigins
from ingest.devices import tokens
from ingest.devices.device import Device
from ingest.devices.errors import NotAdmittedError, RegistryError
from ingest.devices.settings import Frame

if TYPE_CHECKING:  # importing SQLAlchemy is a fifth of the start time, and an open gateway has no registry
    from ingest.devices.registry import Registry

log = logging.getLogger(__name__)

#: Subprotocol of phone pages. A page cannot set headers on a WebSocket, so it sends the token as a second subprotocol.
PROTOCOL = "har.v1"
TOKEN_PROTOCOL = "bearer."
#: Cookie with the token, for requests for release files.
COOKIE = "har_device"


@dataclass(frozen=True)
class Caller:
    """Who sent a request, and what it may do.

    Attributes
    ----------
    device : str or None
        The only device that the caller may send as; None if it may send as any device.
    frame : {"android", "ios", "standardised", "unknown"}
        The sign convention of the device's axes.
    expires : int or None
        When the token expires, µs since the epoch; None if never.
    generation : int
        The generation of the token (`ingest.devices.device.Device.generation`).
    wearer : str or None
        Who wears the device; None if unknown.
    """

    device: str | None
    frame: Frame = "unknown"
    expires: int | None = None
    generation: int = 0
    wearer: str | None = None

    def sender(self, address: str | None) -> str:
        """Return what rate limits count by: the device, or the address of a caller that may send as any device."""
        return self.device or f"@{address}"


#: The operator, or anyone on an open gateway.
UNRESTRICTED = Caller(None)


class Admission:
    """Identifies callers by their tokens, and issues tokens to devices.

    Parameters
    ----------
    operator_token : str or None
        The token whose bearer may do everything; None if there is none.
    registry : Registry or None
        The device registry; None if the gateway enrols no devices.
    token_seconds : float
        How long issued tokens are valid.
    public_url : str or None
        The gateway's address in browsers; None if it is the one in the ``Host`` of requests.

    Raises
    ------
    RegistryError
        If the registry cannot be read.
    """

    def __init__(
        self,
        operator_token: str | None,
        registry: "Registry | None",
        *,
        token_seconds: float,
        public_url: str | None = None,
    ) -> None:
        self._operator_token = operator_token
        self._registry = registry
        self._token_seconds = token_seconds
        self._origins = PageOrigins(public_url)
        self._origin_log = OriginLog(log, "gateway")
        self._key = registry.signing_key() if registry is not None else b""
        self._generations = registry.generations() if registry is not None else {}

    @property
    def is_open(self) -> bool:
        """Whether anyone who can connect may send."""
        return self._operator_token is None and self._registry is None

    def caller(self, request: web.Request) -> Caller:
        """Return who a request is from.

        Raises
        ------
        NotAdmittedError
            If the request has no valid token, or, at an open gateway, if a foreign page sent it.
        """
        if self.is_open:
            self._reject_foreign_page(request)
            return UNRESTRICTED
        token = presented_token(request)
        if token is None:
            if "Authorization" in request.headers:
                raise NotAdmittedError(
                    "malformed_token",
                    "The header Authorization is not “Bearer ” and a token. In an app, its value does not "
                    "begin with “Authorization: ”.",
                )
            raise NotAdmittedError(
                "no_token", "Send the token of the gateway or of your device: Authorization: Bearer …"
            )
        if self._operator_token is not None and hmac.compare_digest(token.encode(), self._operator_token.encode()):
            return UNRESTRICTED
        if self._registry is None:
            raise NotAdmittedError("malformed_token", "This is not the gateway's token.")
        credential = tokens.read(self._key, token)
        if self.is_revoked(credential.device, credential.generation):
            raise NotAdmittedError("revoked", f"The device {credential.device} was revoked. Request a new code.")
        return Caller(credential.device, credential.frame, credential.expires, credential.generation, credential.wearer)

    def _reject_foreign_page(self, request: web.Request) -> None:
        origins = request.headers.getall("Origin", [])
        if not origins or (self._origins.allows(origins, request.host) and self._origins.allows_host(request.host)):
            return
        self._origin_log.note(origins[0], request.host)
        raise NotAdmittedError(
            "foreign_page",
            "This gateway accepts no other sites' pages. Is this its own, behind a proxy? Start it with --public-url",
        )

    def operator(self, request: web.Request) -> None:
        """Check that a request comes from the operator.

        Raises
        ------
        NotAdmittedError
            If the request has no valid token or comes from a device.
        """
        if self.caller(request).device is not None:
            raise NotAdmittedError("malformed_token", "This request needs the operator's token, not a device's.")

    def is_revoked(self, device: str, generation: int) -> bool:
        """Return whether a device's token of this generation was revoked."""
        return generation < self._generations.get(device, 0)

    def issue(self, device: Device) -> tuple[str, int]:
        """Return a token for a device and its expiry, µs since the epoch."""
        return tokens.issue(self._key, device, self._token_seconds)

    @property
    def registry(self) -> "Registry":
        """The device registry.

        Raises
        ------
        NotAdmittedError
            If this gateway has no registry.
        """
        if self._registry is None:
            raise NotAdmittedError(
                "unknown_device", "This gateway enrols no devices. Start it with --registry, or use `har demo --lan`."
            )
        return self._registry

    async def follow_revocations(self, interval_seconds: float, on_change: Callable[[], None]) -> None:
        """Read revocations at an interval and call `on_change` after each change, until cancelled."""
        if self._registry is None:
            return
        is_failing = False
        while True:
            await asyncio.sleep(interval_seconds)  # polling: other processes revoke, and a database does not notify
            try:
                found = await asyncio.to_thread(self._registry.generations)
            except RegistryError as error:
                log.log(logging.DEBUG if is_failing else logging.ERROR, "cannot check for revoked devices: %s", error)
                is_failing = True
                continue
            if is_failing:
                log.warning("checking for revoked devices again: the device registry is readable")
                is_failing = False
            if found != self._generations:
                self._generations = found
                on_change()


def presented_token(request: web.Request) -> str | None:
    """Return a request's token from its header, its WebSocket subprotocols or its cookie; None if there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    for name in offered_protocols(request):
        if name.startswith(TOKEN_PROTOCOL):
            return name.removeprefix(TOKEN_PROTOCOL)
    return request.cookies.get(COOKIE)


def offered_protocols(request: web.Request) -> list[str]:
    """Return the WebSocket subprotocols that a client offers."""
    return [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
