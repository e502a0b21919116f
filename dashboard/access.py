"""Who may see the dashboard: the Host, the Origin and, beyond loopback, the token."""

import hashlib
import hmac
import ipaddress
from base64 import b64decode
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers

COOKIE = "har_dashboard"


class DashboardAccess:
    """Checks requests.

    Without a token only this machine can connect; a page of somebody else's that runs in a browser here
    must still not read the stream: it would name another host (a name that it made resolve to loopback)
    or another origin. With a token the browser asks the person for it, as a password for any user name.

    Parameters
    ----------
    token : str or None
        The token.
    encrypted : bool
        Whether browsers connect by TLS.
    behind_proxy : bool
        Whether ``X-Forwarded-Host`` is to be believed.
    """

    def __init__(self, token: str | None, *, encrypted: bool, behind_proxy: bool) -> None:
        self._token = None if token is None else token.encode()
        self._encrypted = encrypted
        self._behind_proxy = behind_proxy

    def knows_host(self, headers: Headers) -> bool:
        """Tell whether the request names this host: loopback or an address, unless there is a token."""
        if self._token is not None:
            return True
        try:
            name = urlsplit(f"//{self._host(headers)}").hostname
        except ValueError:
            return False
        return name is not None and (name == "localhost" or _is_address(name))

    def same_origin(self, headers: Headers) -> bool:
        """Tell whether a WebSocket comes from our own page, or from a client that is not a browser."""
        origins = headers.getlist("Origin")
        if not origins:
            return True
        try:
            origin = urlsplit(origins[0])
        except ValueError:
            return False
        return (
            len(origins) == 1
            and origin.scheme in ("http", "https")
            and origin.netloc.lower() == self._host(headers).lower()
        )

    def may_change(self, headers: Headers) -> bool:
        """Tell whether a request that changes something comes from our own page, or not from a browser.

        Browsers send ``Origin`` with every such request, and newer ones ``Sec-Fetch-Site``. A foreign page can neither
        set nor remove them.
        """
        return set(headers.getlist("Sec-Fetch-Site")) <= {"same-origin"} and self.same_origin(headers)

    def is_authenticated(self, headers: Headers) -> bool:
        """Tell whether the request carries the token, or the cookie given to a browser that knew it."""
        if self._token is None:
            return True
        return any(
            hmac.compare_digest(given.encode(errors="replace"), self._token) for given in _presented_tokens(headers)
        ) or hmac.compare_digest(_presented_cookie(headers).encode(errors="replace"), self._proof().encode())

    def cookie(self) -> str | None:
        """Return a ``Set-Cookie`` value for a browser that knows the token; not all resend a password."""
        if self._token is None:
            return None
        secure = "; Secure" if self._encrypted else ""
        return f"{COOKIE}={self._proof()}; Path=/; HttpOnly; SameSite=Strict{secure}"

    def _proof(self) -> str:
        return hmac.new(self._token or b"", b"har dashboard", hashlib.sha256).hexdigest()

    def _host(self, headers: Headers) -> str:
        names = headers.getlist("X-Forwarded-Host") if self._behind_proxy else []
        names = names or headers.getlist("Host")
        return names[0].strip() if len(names) == 1 else ""


def _is_address(name: str) -> bool:
    # No name was looked up for an address: nobody can have made it point here.
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


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
