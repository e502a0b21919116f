"""Digests that stand for devices, sessions and labels in the tables' logs, without their names."""

import base64
import hashlib

_KEY_BYTES = 16


def key_of(*parts: str | int) -> str:
    """Return the 128-bit digest of an identifier's parts, as 22 characters of URL-safe base64.

    A table's log outlives its rows for a while. Because it holds digests, no device name stays there.

    Examples
    --------
    >>> key_of("phone-1", "s1") == key_of("phone-1", "s1"), key_of("phone-1s", "1") == key_of("phone-1", "s1")
    (True, False)
    >>> len(key_of("phone-1"))
    22
    """
    whole = "\0".join(map(str, parts)).encode()  # no identifier contains a NUL character
    digest = hashlib.blake2b(whole, digest_size=_KEY_BYTES, person=b"har.archive").digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
