"""Access control of the dashboard: checks of the Host, the Origin and, beyond loopback, the token."""

import hashlib
import hmac
from base64 import b64decode
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from har.process.page_origins import PageOrigins

COOKIE = "har_dashboard"


class DashboardAccess:
    """Checks the headers of requests.

    Without a token, the dashboard listens on loopback only. A foreign page in a local browser must not read the stream
    either. Its requests carry another origin or, after DNS rebinding, another host name. With a token, the browser
    prompts for it as the password; any user name works.

    Parameters
    ----------
    token : str or None
        The token that requests must present; None if none is needed.
    encrypted : bool
        Whether browsers connect over TLS; the cookie is then ``Secure``.
    behind_proxy : bool
        Whether to trust ``X-Forwarded-Host``, which a reverse proxy sets.
    public_url : str or None
        The dashboard's address in browsers; None if it is the one in the ``Host`` of requests.
    """

    def __init__(self, token: str | None, *, encrypted: bool, behind_proxy: bool, public_url: str | None) -> None:
        self._token = None if token is None else token.encode()
        self._encrypted = encrypted
        self._behind_proxy = behind_proxy
        self._origins = PageOrigins(public_url)
        self._path = "/" if public_url is None else f"{urlsplit(public_url).path}/"

    def allows_host(self, headers: Headers) -> bool:
        """Return whether the host is ``localhost``, an IP address or the public one; with a token, every one is."""
        return self._token is not None or self._origins.allows_host(self.host(headers))

    def same_origin(self, headers: Headers) -> bool:
        """Return whether the request comes from the dashboard's page, or from a client that sends no ``Origin``."""
        return self._origins.allows(headers.getlist("Origin"), self.host(headers))

    def allows_change(self, headers: Headers) -> bool:
        """Return whether a request that changes something comes from the dashboard's page, or not from a browser.

        Browsers send ``Origin`` with every such request; newer ones also send ``Sec-Fetch-Site``. A page cannot set or
        remove these headers.
        """
        return set(headers.getlist("Sec-Fetch-Site")) <= {"same-origin"} and self.same_origin(headers)

    def is_authenticated(self, headers: Headers) -> bool:
        """Return whether the request carries the token or the cookie; True if no token is needed."""
        if self._token is None:
            return True
        return any(
            hmac.compare_digest(token.encode(errors="replace"), self._token) for token in _presented_tokens(headers)
        ) or hmac.compare_digest(_presented_cookie(headers).encode(errors="replace"), self._proof().encode())

    def cookie(self) -> str | None:
        """Return the ``Set-Cookie`` value for an authenticated browser; None if no token is needed.

        Not all browsers send the password again when they open a WebSocket.
        """
        if self._token is None:
            return None
        secure = "; Secure" if self._encrypted else ""
        return f"{COOKIE}={self._proof()}; Path={self._path}; HttpOnly; SameSite=Strict{secure}"

    def _proof(self) -> str:
        return hmac.new(self._token or b"", b"har dashboard", hashlib.sha256).hexdigest()

    def host(self, headers: Headers) -> str:
        """Return the host that a request was sent to, as its headers state it; empty if it is not clear."""
        names = headers.getlist("X-Forwarded-Host") if self._behind_proxy else []
        names = names or headers.getlist("Host")
        return names[0].strip() if len(names) == 1 else ""


def _presented_tokens(headers: Headers) -> list[str]:
    tokens = []
    for value in headers.getlist("Authorization"):
        scheme, _, credentials = value.partition(" ")
        if scheme.lower() == "bearer":
            tokens.append(credentials.strip())
        elif scheme.lower() == "basic":
            try:
                tokens.append(b64decode(credentials.strip(), validate=True).decode().partition(":")[2])
            except ValueError:
                continue
    return tokens


def _presented_cookie(headers: Headers) -> str:
    for value in headers.getlist("Cookie"):
        try:
            morsel = SimpleCookie(value).get(COOKIE)
        except CookieError:
            continue
        if morsel is not None:
            return morsel.value
    return ""
