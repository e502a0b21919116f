"""Back-off: how long to wait between attempts, so that many processes neither hammer a service nor retry in step."""

import random

#: Pauses vary by up to this share.
SPREAD = 0.25


class BackOff:
    """Pauses that double, up to a limit, while attempts fail.

    Parameters
    ----------
    first, longest : float
        The first and the longest pause, s.

    Examples
    --------
    >>> back_off = BackOff(0.2, longest=1)
    >>> [limit <= back_off.next_pause() <= (1 + SPREAD) * limit for limit in (0.2, 0.4, 0.8)]
    [True, True, True]
    >>> back_off.next_pause(), back_off.is_fresh
    (1, False)
    """

    def __init__(self, first: float, *, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._pause = first

    @property
    def is_fresh(self) -> bool:
        """Whether there was no pause since the last success or the start."""
        return self._pause == self._first

    def reset(self) -> None:
        """Note a success: the next pause is the first one."""
        self._pause = self._first

    def next_pause(self, requested: float | None = None) -> float:
        """Return the next pause, s.

        Parameters
        ----------
        requested : float, optional
            The shortest pause that the other side asks for, s. It is respected up to the longest pause.
        """
        pause = max(self._pause, requested or 0.0) * random.uniform(1, 1 + SPREAD)
        self._pause = min(2 * self._pause, self._longest)
        return min(pause, self._longest)


def spread_out(interval: float) -> float:
    """Return an interval, s, varied by up to `SPREAD`, so that many devices do not ask at the same time."""
    return interval * random.uniform(1 - SPREAD, 1 + SPREAD)
