"""What the clients of the services have in common."""

import time
from typing import Literal
from urllib.parse import urlsplit

from har.process.settings import is_loopback


def new_session() -> str:
    """Return the name of a session that starts now."""
    return f"s{time.time_ns() // 1_000_000}"


def authorization(token: str | None) -> dict[str, str]:
    """Return the HTTP headers that present a bearer token; none without a token."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def proxy_for(url: str) -> Literal[True] | None:
    """Return the `proxy` argument of websockets for a URL: loopback is reached directly, even if there is a proxy.

    Returns
    -------
    True or None
        True for the proxy that the environment names, if any; None for no proxy.

    Examples
    --------
    >>> proxy_for("ws://127.0.0.1:8600/v1/samples"), proxy_for("wss://har.example/v1/samples")
    (None, True)
    """
    return None if is_loopback(urlsplit(url).hostname or "") else True
