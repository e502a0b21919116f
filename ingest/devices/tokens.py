"""Tokens: what a device shows with every request. A JSON Web Token (RFC 7519), signed with HMAC-SHA256, short-lived."""

import time
from dataclasses import dataclass
from typing import cast

import jwt

from har.samples import RejectedBatch, check_identifier
from ingest.devices.device import Device
from ingest.devices.errors import NotAdmittedError
from ingest.devices.settings import Frame

ALGORITHM = "HS256"
SECOND_US = 1_000_000
#: A longer one is not looked into.
MAX_TOKEN_LETTERS = 1_024


@dataclass(frozen=True)
class Credential:
    """What a good token says.

    Attributes
    ----------
    device : str
        Who its bearer is: it may send as nobody else.
    generation : int
        How often the device had been revoked when it was given out.
    frame : str
        Whose signs the device's axes have.
    expires : int
        µs since the epoch.
    wearer : str or None
        Who wears the device.
    """

    device: str
    generation: int
    frame: Frame
    expires: int
    wearer: str | None


def issue(key: bytes, device: Device, seconds: float) -> tuple[str, int]:
    """Return a token for a device, and until when it is good, µs since the epoch."""
    now = int(time.time())
    expires = now + max(1, round(seconds))
    claims = {"sub": device.name, "gen": device.generation, "frame": device.frame, "iat": now, "exp": expires}
    if device.wearer is not None:
        claims["wearer"] = device.wearer
    return jwt.encode(claims, key, ALGORITHM), expires * SECOND_US


def read(key: bytes, token: str) -> Credential:
    """Check a token's signature and time.

    Raises
    ------
    NotAdmittedError
        With reason ``malformed_token`` or ``expired``.
    """
    if len(token) > MAX_TOKEN_LETTERS:
        raise NotAdmittedError("malformed_token", "this is no token of this gateway")
    try:
        claims = jwt.decode(token, key, [ALGORITHM], options={"require": ["sub", "gen", "frame", "iat", "exp"]})
        check_identifier("device", claims["sub"])
        return Credential(
            claims["sub"],
            int(claims["gen"]),
            cast(Frame, str(claims["frame"])),
            int(claims["exp"]) * SECOND_US,
            claims.get("wearer"),
        )
    except jwt.ExpiredSignatureError as error:
        raise NotAdmittedError("expired", "this token has expired: get another one with the device's secret") from error
    except (jwt.InvalidTokenError, RejectedBatch, TypeError, ValueError) as error:
        raise NotAdmittedError("malformed_token", f"this is no token of this gateway: {error}") from error
