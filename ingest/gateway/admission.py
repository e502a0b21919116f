"""Who a request is from: a device by its token, the operator by the gateway's, or, on an open gateway, anybody."""

import asyncio
import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from ingest.devices import tokens
from ingest.devices.device import Device
from ingest.devices.errors import NotAdmittedError, RegistryError
from ingest.devices.settings import Frame

if TYPE_CHECKING:  # SQLAlchemy takes a fifth of a gateway's start, and an open gateway has no registry
    from ingest.devices.registry import Registry

log = logging.getLogger(__name__)

#: What phone pages speak; a browser cannot send a header with a WebSocket, so the token is named as another protocol.
PROTOCOL = "har.v1"
TOKEN_PROTOCOL = "bearer."
#: What a browser shows that fetches a release's files.
COOKIE = "har_device"


@dataclass(frozen=True)
class Caller:
    """Who sends.

    Attributes
    ----------
    device : str or None
        The device that it is, and as which alone it may send; None if it may send as any.
    frame : str
        Whose signs its axes have.
    expires : int or None
        Until when it may, µs since the epoch; None if for ever.
    generation : int
        Of its token.
    wearer : str or None
        Who wears it, if that was said.
    """

    device: str | None
    frame: Frame = "unknown"
    expires: int | None = None
    generation: int = 0
    wearer: str | None = None


ANYBODY = Caller(None)


class Admission:
    """Tells callers apart.

    Parameters
    ----------
    operator_token : str or None
        Who shows it may do everything.
    registry : Registry or None
        The devices.
    token_seconds : float
        How long tokens are good.

    Raises
    ------
    RegistryError
        If the registry cannot be read.
    """

    def __init__(self, operator_token: str | None, registry: "Registry | None", *, token_seconds: float) -> None:
        self._operator_token = operator_token
        self._registry = registry
        self._token_seconds = token_seconds
        self._key = registry.signing_key() if registry is not None else b""
        self._generations = registry.generations() if registry is not None else {}

    @property
    def is_open(self) -> bool:
        """Whether anybody who reaches the gateway may send."""
        return self._operator_token is None and self._registry is None

    @property
    def enrols(self) -> bool:
        """Whether devices can enrol."""
        return self._registry is not None

    def caller(self, request: web.Request) -> Caller:
        """Return who a request is from.

        Raises
        ------
        NotAdmittedError
            If it shows no token that is good.
        """
        if self.is_open:
            return ANYBODY
        shown = presented_token(request)
        if shown is None:
            raise NotAdmittedError("no_token", "send the gateway's token, or your device's: Authorization: Bearer …")
        if self._operator_token is not None and hmac.compare_digest(shown.encode(), self._operator_token.encode()):
            return ANYBODY
        if self._registry is None:
            raise NotAdmittedError("malformed_token", "this is not the gateway's token")
        credential = tokens.read(self._key, shown)
        if self.is_revoked(credential.device, credential.generation):
            raise NotAdmittedError("revoked", f"{credential.device} was revoked: ask for a new code")
        return Caller(credential.device, credential.frame, credential.expires, credential.generation, credential.wearer)

    def operator(self, request: web.Request) -> None:
        """Let nobody but the operator pass.

        Raises
        ------
        NotAdmittedError
            If it is somebody else.
        """
        if self.caller(request).device is not None:
            raise NotAdmittedError("malformed_token", "this is for the gateway's operator, not for devices")

    def is_revoked(self, device: str, generation: int) -> bool:
        """Tell whether a token of this generation is no longer good."""
        return generation < self._generations.get(device, 0)

    def issue(self, device: Device) -> tuple[str, int]:
        """Return a token, and until when it is good, µs since the epoch."""
        return tokens.issue(self._key, device, self._token_seconds)

    @property
    def registry(self) -> "Registry":
        """The devices.

        Raises
        ------
        NotAdmittedError
            If this gateway knows none.
        """
        if self._registry is None:
            raise NotAdmittedError(
                "unknown_device", "this gateway enrols no devices: start it with --registry, or `har demo --lan`"
            )
        return self._registry

    async def follow_revocations(self, every_seconds: float, tell: Callable[[], None]) -> None:
        """Look again and again who was revoked, and tell when anybody was; until cancelled."""
        if self._registry is None:
            return
        is_away = False
        while True:
            await asyncio.sleep(every_seconds)  # other processes revoke, and a table does not call
            try:
                found = await asyncio.to_thread(self._registry.generations)
            except RegistryError as error:
                log.log(logging.DEBUG if is_away else logging.ERROR, "%s; revocations are not seen", error)
                is_away = True
                continue
            if is_away:
                log.warning("the registry of devices can be read again")
                is_away = False
            if found != self._generations:
                self._generations = found
                tell()


def presented_token(request: web.Request) -> str | None:
    """Return the token of a request: of its header, of its WebSocket's protocols, or of its cookie."""
    scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and shown.strip():
        return shown.strip()
    for name in request.headers.get("Sec-WebSocket-Protocol", "").split(","):
        if name.strip().startswith(TOKEN_PROTOCOL):
            return name.strip().removeprefix(TOKEN_PROTOCOL)
    return request.cookies.get(COOKIE)
