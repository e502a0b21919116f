"""Names of sessions and labels that do not tell whose they are, for the tables' logs."""

import base64
import hashlib

_KEY_BYTES = 16


def key_of(*parts: str | int) -> str:
    """Return the digest of some parts, 22 letters and digits: 128 bits, so that no two of an archive will be alike.

    The log of a table outlives its rows for a while. With digests in it, no device's name stays there.

    Examples
    --------
    >>> key_of("phone-1", "s1") == key_of("phone-1", "s1"), key_of("phone-1s", "1") == key_of("phone-1", "s1")
    (True, False)
    >>> len(key_of("phone-1"))
    22
    """
    whole = "\0".join(map(str, parts)).encode()  # no identifier holds a zero
    digest = hashlib.blake2b(whole, digest_size=_KEY_BYTES, person=b"har.archive").digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
