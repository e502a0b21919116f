"""Hold back what a library logs while it connects: an error then states once what went wrong."""

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

#: The most exceptions that are kept.
MOST_EXCEPTIONS = 100


class HeldBackLog(logging.Handler):
    """Keeps the exceptions that a library logged.

    Attributes
    ----------
    exceptions : list of BaseException
        The first ones, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.exceptions: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the exceptions of a log line."""
        arguments = record.args if isinstance(record.args, tuple) else ()
        found = [argument for argument in arguments if isinstance(argument, BaseException)]
        self.exceptions = (self.exceptions + found)[:MOST_EXCEPTIONS]


_lock = threading.Lock()
_counts: Counter[str] = Counter()


@contextmanager
def held_back(library: str) -> Iterator[HeldBackLog]:
    """Hold back the log lines of a library in the context; threads may overlap.

    Parameters
    ----------
    library : str
        The name of its logger.
    """
    logger, kept = logging.getLogger(library), HeldBackLog()
    with _lock:
        _counts[library] += 1
        logger.propagate = False
        logger.addHandler(kept)
    try:
        yield kept
    finally:
        with _lock:
            logger.removeHandler(kept)
            _counts[library] -= 1
            logger.propagate = _counts[library] == 0
