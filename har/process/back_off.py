"""Back-off: how long a device waits before it tries its gateway again."""

import random

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
#: Each pause is lengthened by a random share up to this, so that phones do not all reconnect at the same time.
SPREAD = 0.25


class BackOff:
    """Pauses that double, up to a limit, while attempts fail.

    Examples
    --------
    >>> back_off = BackOff()
    >>> [round(back_off.next_pause() / (1 + SPREAD), 1) <= limit for limit in (0.2, 0.4, 0.8)]
    [True, True, True]
    >>> 7 <= back_off.next_pause(requested=7) <= 10
    True
    """

    def __init__(self) -> None:
        self._pause = FIRST_PAUSE_SECONDS

    @property
    def is_fresh(self) -> bool:
        """Whether there was no pause since the last success or the start."""
        return self._pause == FIRST_PAUSE_SECONDS

    def reset(self) -> None:
        """Note a success: the next pause is the shortest one."""
        self._pause = FIRST_PAUSE_SECONDS

    def next_pause(self, requested: float | None = None) -> float:
        """Return the next pause, s.

        Parameters
        ----------
        requested : float, optional
            The shortest pause that the gateway asks for, s. It is respected up to the longest pause.
        """
        pause = max(self._pause, requested or 0.0) * random.uniform(1, 1 + SPREAD)
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
        return min(pause, LONGEST_PAUSE_SECONDS)
