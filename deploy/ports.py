"""Free ports on loopback."""

import socket

#: Ports from here on are given to outgoing connections by Linux, and may be taken between test and use.
FIRST_EPHEMERAL = 32_768
_SEARCH_FROM = 20_000


def is_free(port: int) -> bool:
    """Tell whether a service could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(preferred: int | None = None, *, taken: set[int] | None = None) -> int:
    """Return a free port below the ephemeral range: `preferred`, or the next that is free.

    Parameters
    ----------
    preferred : int, optional
        Where to begin.
    taken : set of int, optional
        Ports promised to others; the one returned is added.

    Raises
    ------
    OSError
        If no port is free.
    """
    promised = taken if taken is not None else set()
    for port in range(preferred or _SEARCH_FROM, FIRST_EPHEMERAL):
        if port not in promised and is_free(port):
            promised.add(port)
            return port
    raise OSError(f"no free port from {preferred or _SEARCH_FROM} to {FIRST_EPHEMERAL - 1}")
