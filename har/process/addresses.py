"""Addresses of network peers and services, in the form that URLs and logs show."""

import os
import socket
from urllib.parse import urlsplit

#: Ports that browsers leave out of an origin.
_DEFAULT_PORTS = {"http": 80, "https": 443}


def host_and_port(host: str, port: int) -> str:
    """Return a host and a port as in a URL; an IPv6 address is in brackets.

    Examples
    --------
    >>> host_and_port("127.0.0.1", 80), host_and_port("::1", 80), host_and_port("localhost", 80)
    ('127.0.0.1:80', '[::1]:80', 'localhost:80')
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def require_free(host: str, port: int, option: str) -> None:
    """Raise if a service cannot listen on an address, for servers whose own error does not name it.

    Parameters
    ----------
    host : str
        Address to listen on.
    port : int
        Port to listen on; 0 for any.
    option : str
        The option that sets the port, for the message.

    Raises
    ------
    OSError
        If another program listens there, or the address is not one of this machine.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: connections of before do not count
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise OSError(
                f"cannot listen on {host_and_port(host, port)}: {reason}; does another one run? Set {option}"
            ) from error


def split_host_and_port(address: str) -> tuple[str, int]:
    """Return the host, without brackets, and the port of ``host:port``.

    Raises
    ------
    ValueError
        If the port is not a number.

    Examples
    --------
    >>> split_host_and_port("kafka-1:9092"), split_host_and_port("[::1]:9092")
    (('kafka-1', 9092), ('::1', 9092))
    """
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def checked_url(url: str) -> str:
    """Return the address of a service without a slash at its end.

    Raises
    ------
    ValueError
        If it is not an HTTP address, or has more than a scheme, a host, a port and a path.

    Examples
    --------
    >>> checked_url("https://har.example.org/live/")
    'https://har.example.org/live'
    """
    parts = urlsplit(url)
    has_more = parts.query or parts.fragment or "@" in parts.netloc or any(letter in url for letter in " \"'<>;,\\")
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or has_more:
        raise ValueError(f"{url!r} is not an address such as https://har.example.org or https://example.org/har")
    return url.rstrip("/")


def origin_of(url: str) -> str:
    """Return the origin of an address as browsers state it: in lower case and without the scheme's default port.

    Raises
    ------
    ValueError
        If the address has no valid port.

    Examples
    --------
    >>> origin_of("https://HAR.example.org:443/live"), origin_of("http://[::1]:8700/")
    ('https://har.example.org', 'http://[::1]:8700')
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    if port == _DEFAULT_PORTS.get(parts.scheme):
        return f"{parts.scheme}://[{host}]" if ":" in host else f"{parts.scheme}://{host}"
    return f"{parts.scheme}://{host_and_port(host, port)}"
