"""Pauses between two requests of a device to its store or gateway."""

import random

FIRST_PAUSE_SECONDS = 2.0
#: Each pause is lengthened or shortened by up to this share, so that devices do not all ask at the same time.
SPREAD = 0.2


class Pauses:
    """The regular interval after a success; after failures, short pauses that double up to the interval.

    Parameters
    ----------
    interval_seconds : float
        Regular pause, s.

    Examples
    --------
    >>> pauses = Pauses(60)
    >>> 48 <= pauses.after_success() <= 72
    True
    >>> [round(pauses.after_failure() / limit) for limit in (2, 4, 8, 16, 32, 60, 60)]
    [1, 1, 1, 1, 1, 1, 1]
    """

    def __init__(self, interval_seconds: float) -> None:
        self._interval = interval_seconds
        self._next = FIRST_PAUSE_SECONDS

    def after_success(self) -> float:
        """Return the pause after a success, s."""
        self._next = FIRST_PAUSE_SECONDS
        return self._spread(self._interval)

    def after_failure(self) -> float:
        """Return the pause after a failure, s."""
        pause = min(self._next, self._interval)
        self._next = 2 * pause
        return self._spread(pause)

    @staticmethod
    def _spread(seconds: float) -> float:
        return seconds * random.uniform(1 - SPREAD, 1 + SPREAD)
