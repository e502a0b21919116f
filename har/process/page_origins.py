"""Which web pages may use a service that asks for no token: only its own.

A page of another site, open in a browser on the same machine, can reach a service on loopback. The browser states the
page's origin with each of its WebSockets and with each request that changes something; a page cannot change this
header. After DNS rebinding the origin is that of the request, but its host is a name that the service does not know.
"""

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from har.process.addresses import origin_of


class PageOrigins:
    """The origins and hosts of a service's own pages.

    Parameters
    ----------
    public_url : str or None
        The service's address in browsers; None if it is the one in the ``Host`` of requests.
    """

    def __init__(self, public_url: str | None) -> None:
        self._origin = None if public_url is None else origin_of(public_url)
        self._name = None if public_url is None else urlsplit(public_url).hostname

    def allows_host(self, host: str) -> bool:
        """Return whether a host, with or without a port, is ``localhost``, an IP address or the public one.

        Examples
        --------
        >>> own = PageOrigins("https://har.example.org/live")
        >>> [own.allows_host(host) for host in ("[::1]:8700", "localhost", "har.example.org", "evil.example.org")]
        [True, True, True, False]
        """
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        return name is not None and (name in ("localhost", self._name) or _is_address(name))

    def allows(self, origins: Sequence[str], host: str) -> bool:
        """Return whether a request is from a page of the service, or from a client that states no origin.

        Parameters
        ----------
        origins : sequence of str
            The values of the request's ``Origin``.
        host : str
            The host that the request was sent to.

        Examples
        --------
        >>> own = PageOrigins("https://har.example.org/live")
        >>> own.allows(["https://har.example.org"], "127.0.0.1:8700"), own.allows([], "127.0.0.1:8700")
        (True, True)
        >>> own.allows(["https://evil.example.org"], "127.0.0.1:8700"), own.allows(["null"], "127.0.0.1:8700")
        (False, False)
        """
        if not origins:
            return True
        try:
            origin = urlsplit(origins[0])
            is_public = origin_of(origins[0]) == self._origin
        except ValueError:
            return False
        return (
            len(origins) == 1
            and origin.scheme in ("http", "https")
            and (is_public or origin.netloc.lower() == host.lower())
        )


def _is_address(name: str) -> bool:
    # An address needs no DNS lookup, so DNS rebinding is impossible.
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
