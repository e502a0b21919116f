"""What SIGINT (Ctrl-C, and what some supervisors send) does while a program starts.

Python answers SIGINT with an exception wherever the program stands. Raised in a callback or a destructor, such
as those that the import system uses itself, the exception is printed and forgotten, and a service that was
told to end goes on.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Let SIGINT end the process at once meanwhile, as SIGTERM does, unless it is ignored or handled already."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
