"""URLs of Redis: one server, a master that Sentinel knows, or a cluster.

====================================================================  ==============================================
``redis://user:password@host:6379/0``                                 one server
``rediss://host:6380/0?ssl_ca_certs=/etc/redis-ca.pem``               the same with TLS
``unix:///run/redis/redis.sock?db=0``                                 a server on this machine
``redis+sentinel://user:password@host1:26379,host2:26379/mymaster/0`` the master that Sentinel names
``redis+cluster://user:password@host1:7000,host2:7000/``              a cluster
====================================================================  ==============================================

``rediss+sentinel`` and ``rediss+cluster`` use TLS. User and password are those of an ACL user; without a user, the
password is that of the user ``default``. Special characters in them are written as in any URL, such as ``%40`` for
``@``. TLS always verifies the server's certificate and its name.
"""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import AfterValidator

SERVER_PORT, SENTINEL_PORT = 6379, 26379

_KINDS: Mapping[str, tuple[Literal["server", "sentinel", "cluster"], bool]] = {
    "redis": ("server", False),
    "rediss": ("server", True),
    "unix": ("server", False),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
_DEFAULT_PORTS = {"server": SERVER_PORT, "sentinel": SENTINEL_PORT, "cluster": SERVER_PORT}


class RedisNode(NamedTuple):
    """The address of a server, of a Sentinel, or of a node of a cluster."""

    host: str
    port: int


@dataclass(frozen=True)
class RedisAddress:
    """Where Redis is, and how to connect.

    Attributes
    ----------
    kind : {"server", "sentinel", "cluster"}
        What the URL names.
    nodes : tuple of RedisNode
        One server, or the Sentinels or nodes to ask first. Empty for a Unix socket.
    master : str
        The name of the master, for Sentinel only.
    options : mapping
        Arguments of redis-py's client, with the password.
    sentinel_options : mapping
        Arguments for the connections to Sentinel itself, with its password.
    """

    kind: Literal["server", "sentinel", "cluster"]
    nodes: tuple[RedisNode, ...] = ()
    master: str = ""
    options: Mapping[str, object] = field(default_factory=dict, repr=False)
    sentinel_options: Mapping[str, object] = field(default_factory=dict, repr=False)


def parse_redis_url(url: str) -> RedisAddress:
    """Return what a URL of Redis names.

    Raises
    ------
    ValueError
        If the URL is not one of the forms of this module, names an unknown option, or names a file for TLS that cannot
        be used. The text never contains a password.

    Examples
    --------
    >>> parse_redis_url("redis+sentinel://h1,h2:26380/mymaster").nodes
    (RedisNode(host='h1', port=26379), RedisNode(host='h2', port=26380))
    """
    scheme, _, _ = url.partition("://")
    if scheme not in _KINDS or "://" not in url:
        raise ValueError(f"the URL of Redis must begin with {', '.join(f'{known}://' for known in _KINDS)}")
    kind, is_encrypted = _KINDS[scheme]
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    options: dict[str, object] = _credentials(credentials)
    given = _query(parts.query, is_encrypted=is_encrypted, is_sentinel=kind == "sentinel")
    sentinel = {name.removeprefix("sentinel_"): given.pop(name) for name in list(given) if name.startswith("sentinel_")}
    options |= given
    if is_encrypted:
        options |= {"ssl": True, "ssl_cert_reqs": "required"}
        options.setdefault("ssl_check_hostname", True)
        _check_tls_files(options)
        sentinel |= {name: value for name, value in options.items() if name.startswith("ssl")}
    if scheme == "unix":
        if hosts or not parts.path:
            raise ValueError("a Unix socket's URL has a path and no host, such as unix:///run/redis/redis.sock")
        return RedisAddress(kind, options=options | {"unix_socket_path": unquote(parts.path)})
    nodes = tuple(_node(text, _DEFAULT_PORTS[kind]) for text in hosts.split(","))
    if kind == "server" and len(nodes) > 1:
        raise ValueError("redis:// names one server; use redis+sentinel:// or redis+cluster:// for several")
    master, database = _path(kind, [unquote(part) for part in parts.path.split("/") if part])
    if database is not None:
        options.setdefault("db", database)
    if kind == "cluster" and options.pop("db", 0) != 0:
        raise ValueError("a cluster of Redis has database 0 only")
    return RedisAddress(kind, nodes, master, options, sentinel)


def _check_url(url: str) -> str:
    parse_redis_url(url)
    return url


#: The type of a setting that is a URL of Redis.
RedisUrl = Annotated[str, AfterValidator(_check_url)]


def _credentials(text: str) -> dict[str, object]:
    user, _, password = text.partition(":")
    given = {"username": unquote(user), "password": unquote(password)}
    return {name: value for name, value in given.items() if value}


def _node(text: str, default_port: int) -> RedisNode:
    host, separator, port = text.rpartition(":")
    if not separator or text.endswith("]"):
        host, port = text, str(default_port)
    host = unquote(host.removeprefix("[").removesuffix("]"))
    if not host:
        raise ValueError("the URL of Redis names no host")
    if not port.isascii() or not port.isdigit() or not 0 < int(port) <= 65_535:
        raise ValueError(f"the port of {host!r} in the URL of Redis is no number from 1 to 65535")
    return RedisNode(host, int(port))


def _path(kind: str, parts: list[str]) -> tuple[str, int | None]:
    """Return the master's name and the database of a URL's path."""
    master = ""
    if kind == "sentinel":
        if not parts:
            raise ValueError("a Sentinel's URL names the master, such as redis+sentinel://host:26379/mymaster")
        master, *parts = parts
    if len(parts) > 1:
        raise ValueError("the URL of Redis has a longer path than the number of the database")
    return master, _number(parts[0]) if parts else None


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("the database of Redis is no number")
    return int(text)


def _seconds(text: str) -> float:
    if not 0 < (seconds := float(text)) <= 600:
        raise ValueError("the time is not within 0 and 600 s")
    return seconds


def _yes_or_no(text: str) -> bool:
    answers = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in answers:
        raise ValueError("the value is neither true nor false")
    return answers[text.lower()]


def _protocol(text: str) -> int:
    if text not in ("2", "3"):
        raise ValueError("the protocol is neither 2 nor 3")
    return int(text)


_OPTIONS: Mapping[str, Callable[[str], object]] = {
    "db": _number,
    "protocol": _protocol,
    "socket_connect_timeout": _seconds,
    "socket_timeout": _seconds,
}
_TLS_OPTIONS: Mapping[str, Callable[[str], object]] = {
    "ssl_ca_certs": str,
    "ssl_certfile": str,
    "ssl_check_hostname": _yes_or_no,
    "ssl_keyfile": str,
}
_SENTINEL_OPTIONS: Mapping[str, Callable[[str], object]] = {"sentinel_username": str, "sentinel_password": str}


def _query(text: str, *, is_encrypted: bool, is_sentinel: bool) -> dict[str, object]:
    known = {**_OPTIONS, **(_TLS_OPTIONS if is_encrypted else {}), **(_SENTINEL_OPTIONS if is_sentinel else {})}
    options: dict[str, object] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name in _TLS_OPTIONS and not is_encrypted:
            raise ValueError(f"{name} in the URL of Redis needs TLS, as in rediss://")
        if name not in known:
            raise ValueError(f"{name!r} is no option of a URL of Redis; those of this URL are {', '.join(known)}")
        try:
            options[name] = known[name](value)
        except ValueError as error:
            raise ValueError(f"{name} in the URL of Redis: {error}") from None
    return options


def _check_tls_files(options: Mapping[str, object]) -> None:
    authority, certificate, key = (options.get(f"ssl_{name}") for name in ("ca_certs", "certfile", "keyfile"))
    if key is not None and certificate is None:
        raise ValueError("ssl_keyfile in the URL of Redis needs ssl_certfile")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if authority is not None:
            context.load_verify_locations(str(authority))
        if certificate is not None:
            context.load_cert_chain(str(certificate), None if key is None else str(key))
    except OSError as error:  # of which `ssl.SSLError` is one
        files = ", ".join(str(file) for file in (authority, certificate, key) if file is not None)
        raise ValueError(f"cannot use the files {files} for TLS to Redis: {error}") from None
