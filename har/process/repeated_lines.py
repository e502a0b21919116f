"""A limit on what libraries log: each warning once in a while, although they repeat some many times a second."""

import logging
import time
from collections.abc import Callable, Sequence

#: How long a warning is left out after it was written, s.
QUIET_SECONDS = 60.0
#: Different warnings that are remembered.
MAX_REMEMBERED = 1_000


class RepeatedLines(logging.Filter):
    """Leaves out a library's warning or error if the same text was written shortly before; counts what is left out.

    Parameters
    ----------
    libraries : sequence of str
        Names of their top loggers.
    clock : callable, optional
        Returns seconds.
    """

    def __init__(self, libraries: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._libraries = frozenset(libraries)
        self._clock = clock
        #: When each text was written last, and how often it was left out since.
        self._written: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write a line."""
        if record.levelno < logging.WARNING or record.name.partition(".")[0] not in self._libraries:
            return True
        text, now = record.getMessage(), self._clock()
        at, left_out = self._written.get((record.name, text), (now - QUIET_SECONDS, 0))
        if now - at < QUIET_SECONDS:
            self._written[record.name, text] = at, left_out + 1
            return False
        if len(self._written) >= MAX_REMEMBERED:
            self._written.clear()
        self._written[record.name, text] = now, 0
        if left_out:
            record.msg, record.args = "%s (and %d times before)", (text, left_out)
        return True
