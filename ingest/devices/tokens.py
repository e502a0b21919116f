"""Tokens that devices present with each request: short-lived JSON Web Tokens (RFC 7519), signed with HMAC-SHA256."""

import time
from dataclasses import dataclass
from typing import cast

import jwt

from har.rejections import RejectedMessage
from har.samples import check_identifier
from har.time_units import MICROSECONDS
from ingest.devices.device import Device
from ingest.devices.errors import NotAdmittedError
from ingest.devices.settings import Frame

ALGORITHM = "HS256"
#: Longer tokens are rejected without decoding them, characters.
MAX_TOKEN_LENGTH = 1_024


@dataclass(frozen=True)
class Credential:
    """The claims of a valid token.

    Attributes
    ----------
    device : str
        The device that the token belongs to; its bearer may send as this device only.
    generation : int
        The device's generation (`Device.generation`) when the token was issued.
    frame : {"android", "ios", "standardised", "unknown"}
        The sign convention of the device's axes.
    expires : int
        When the token expires, µs since the epoch.
    wearer : str or None
        Who wears the device; None if unknown.
    """

    device: str
    generation: int
    frame: Frame
    expires: int
    wearer: str | None


def issue(key: bytes, device: Device, seconds: float) -> tuple[str, int]:
    """Return a token for a device and its expiry, µs since the epoch.

    Parameters
    ----------
    key : bytes
        The registry's signing key.
    seconds : float
        How long the token is valid from now on; at least 1 s.
    """
    now = int(time.time())
    expires = now + max(1, round(seconds))
    claims = {"sub": device.name, "gen": device.generation, "frame": device.frame, "iat": now, "exp": expires}
    if device.wearer is not None:
        claims["wearer"] = device.wearer
    return jwt.encode(claims, key, ALGORITHM), expires * MICROSECONDS


def read(key: bytes, token: str) -> Credential:
    """Return a token's claims after checking its signature and expiry.

    Raises
    ------
    NotAdmittedError
        With reason ``expired``, or ``malformed_token`` if the token is not one that `key` signed.
    """
    if len(token) > MAX_TOKEN_LENGTH:
        raise NotAdmittedError("malformed_token", "This is not a token of this gateway.")
    try:
        claims = jwt.decode(token, key, [ALGORITHM], options={"require": ["sub", "gen", "frame", "iat", "exp"]})
        check_identifier("device", claims["sub"])
        return Credential(
            claims["sub"],
            int(claims["gen"]),
            cast(Frame, str(claims["frame"])),
            int(claims["exp"]) * MICROSECONDS,
            claims.get("wearer"),
        )
    except jwt.ExpiredSignatureError as error:
        raise NotAdmittedError(
            "expired", "This token has expired. Request a new one with the device's secret."
        ) from error
    except (jwt.InvalidTokenError, RejectedMessage, TypeError, ValueError) as error:
        raise NotAdmittedError("malformed_token", f"This is not a token of this gateway: {error}.") from error
