"""Free ports on loopback."""

import random
import socket

#: Linux gives ports from here on to outgoing connections, which may take them between test and use.
FIRST_EPHEMERAL = 32_768
#: First port of the search for any free port.
SEARCH_FROM = 20_000
#: End of the search (exclusive).
SEARCH_UNTIL = FIRST_EPHEMERAL
#: How many ports are tried from the preferred one on before any other.
_NEXT = 20


def is_free(port: int) -> bool:
    """Return whether a service could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(preferred: int | None = None, *, taken: set[int] | None = None) -> int:
    """Return a free port: `preferred` or one soon after it, or any below the ephemeral range.

    The search for any port starts at random. A port that was found also looks free to others until its program listens,
    which takes a Java program seconds.

    Parameters
    ----------
    preferred : int, optional
        The first port to try.
    taken : set of int, optional
        Ports that are reserved already; the returned one is added.

    Raises
    ------
    OSError
        If no port is free.
    """
    reserved = taken if taken is not None else set()
    first = range(preferred, preferred + _NEXT) if preferred else range(0)
    begin = random.randrange(SEARCH_FROM, SEARCH_UNTIL)
    candidates: list[int] = [*first, *range(begin, SEARCH_UNTIL), *range(SEARCH_FROM, begin)]
    for port in candidates:
        if port not in reserved and is_free(port):
            reserved.add(port)
            return port
    raise OSError(f"no free port from {SEARCH_FROM} to {SEARCH_UNTIL - 1}")
