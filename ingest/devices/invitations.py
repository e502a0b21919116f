"""What a person is shown to make a phone a device: an address, and the same as a QR code."""

import io
import time

import msgspec
import segno


class Invitation(msgspec.Struct, frozen=True):
    """How a phone becomes a device.

    Attributes
    ----------
    device : str
        Which it becomes.
    code : str
        What it shows, once.
    url : str
        What to open; the code is in its fragment, which browsers send to nobody.
    svg : str
        The address as a QR code.
    expires : int
        Until when, µs since the epoch.
    """

    device: str
    code: str
    url: str
    svg: str
    expires: int


def invitation(device: str, code: str, gateway: str, *, seconds: float) -> Invitation:
    """Put a code into an address and a picture.

    Parameters
    ----------
    gateway : str
        Where phones reach the gateway, such as ``https://192.168.1.5:8600``.
    seconds : float
        How long the code is good from now on.
    """
    url = f"{gateway.rstrip('/')}/phone/#enrol={code}"
    picture = segno.make(url, error="m").svg_inline(border=4, dark="#000", light="#fff", omitsize=True)
    return Invitation(device, code, url, picture, time.time_ns() // 1000 + round(seconds * 1_000_000))


def printed_code(url: str) -> str:
    """Return an address as a QR code of characters, for a terminal."""
    text = io.StringIO()
    segno.make(url, error="m").terminal(out=text, compact=True, border=2)
    return text.getvalue()
