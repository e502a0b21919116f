"""Free ports on loopback."""

import random
import socket

#: Ports from here on are given to outgoing connections by Linux, and may be taken between test and use.
FIRST_EPHEMERAL = 32_768
#: Any free port is looked for from here on …
SEARCH_FROM = 20_000
#: … to here, this one not included.
SEARCH_UNTIL = FIRST_EPHEMERAL
#: How many ports from the preferred one on are tried before any other.
_NEXT = 20


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
    """Return a free port: `preferred` or one soon after it, or any below the ephemeral range.

    The search for any begins at random: between being found and being listened on, a port looks free to
    others too, and a Java program takes seconds to listen.

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
    first = range(preferred, preferred + _NEXT) if preferred else range(0)
    begin = random.randrange(SEARCH_FROM, SEARCH_UNTIL)
    candidates: list[int] = [*first, *range(begin, SEARCH_UNTIL), *range(SEARCH_FROM, begin)]
    for port in candidates:
        if port not in promised and is_free(port):
            promised.add(port)
            return port
    raise OSError(f"no free port from {SEARCH_FROM} to {SEARCH_UNTIL - 1}")
