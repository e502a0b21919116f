"""SIGINT (Ctrl-C, also sent by some supervisors) while a program starts.

Python raises `KeyboardInterrupt` wherever the program is. In a callback or a destructor, such as those of the import
system, the exception is printed and dropped, and the program continues although it was asked to end.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Within the context, let SIGINT end the process at once, as SIGTERM does, unless it is ignored or handled."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
