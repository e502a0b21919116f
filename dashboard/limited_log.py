"""Logging of what may happen thousands of times a second."""

import logging


class LimitedLog:
    """Writes at most one warning per interval, and says how many were left out.

    Parameters
    ----------
    logger : logging.Logger
        Where to write.
    interval : float
        Seconds between two lines.
    """

    def __init__(self, logger: logging.Logger, interval: float = 10.0) -> None:
        self._logger = logger
        self._interval = interval
        self._next = float("-inf")
        self._left_out = 0

    def warn(self, now: float, text: str, *arguments: object) -> None:
        """Write the warning `text` (with ``%s`` places) unless one was written shortly before `now`."""
        if now < self._next:
            self._left_out += 1
            return
        suffix = f" ({self._left_out} more since the last such line)" if self._left_out else ""
        self._logger.warning("%s%s", text % arguments, suffix)
        self._next = now + self._interval
        self._left_out = 0
