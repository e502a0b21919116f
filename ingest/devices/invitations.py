"""Invitations: the address that enrols a phone as a device, as a URL and as a QR code."""

import io

import msgspec
import segno

from har.process.clock import now_us
from har.time_units import MICROSECONDS


class Invitation(msgspec.Struct, frozen=True):
    """An invitation to enrol one phone as a device.

    Attributes
    ----------
    device : str
        The device's name.
    code : str
        The enrolment code, valid once.
    url : str
        The address to open on the phone. The code is in the fragment, which browsers do not send to servers.
    svg : str
        The address as a QR code.
    expires : int
        When the code expires, µs since the epoch.
    """

    device: str
    code: str
    url: str
    svg: str
    expires: int


def invitation(device: str, code: str, gateway: str, *, seconds: float) -> Invitation:
    """Build the address and the QR code for an enrolment code.

    Parameters
    ----------
    gateway : str
        The gateway's address as phones reach it, such as ``https://192.168.1.5:8600``.
    seconds : float
        How long the code is valid from now on.
    """
    url = f"{gateway.rstrip('/')}/phone/#enrol={code}"
    picture = segno.make(url, error="m").svg_inline(border=4, dark="#000", light="#fff", omitsize=True)
    return Invitation(device, code, url, picture, now_us() + round(seconds * MICROSECONDS))


def printed_code(url: str) -> str:
    """Return an address as a QR code of characters, for a terminal."""
    text = io.StringIO()
    segno.make(url, error="m").terminal(out=text, compact=True, border=2)
    return text.getvalue()
