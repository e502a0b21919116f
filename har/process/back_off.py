"""How long a device waits before it tries its gateway again."""

import random

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
#: Pauses are lengthened by up to this share, so that phones which were cut off together do not return together.
SPREAD = 0.25


class BackOff:
    """Pauses that double while nothing gets better.

    Examples
    --------
    >>> back_off = BackOff()
    >>> [round(back_off.next_pause() / (1 + SPREAD), 1) <= limit for limit in (0.2, 0.4, 0.8)]
    [True, True, True]
    >>> 7 <= back_off.next_pause(asked_for=7) <= 10
    True
    """

    def __init__(self) -> None:
        self._pause = FIRST_PAUSE_SECONDS

    @property
    def is_fresh(self) -> bool:
        """Whether there has been no pause since things went well."""
        return self._pause == FIRST_PAUSE_SECONDS

    def reset(self) -> None:
        """Things go well: begin with the shortest pause next time."""
        self._pause = FIRST_PAUSE_SECONDS

    def next_pause(self, asked_for: float | None = None) -> float:
        """Return the next pause, s.

        Parameters
        ----------
        asked_for : float, optional
            What the gateway asks for, s. It is kept to, up to the longest pause.
        """
        pause = max(self._pause, asked_for or 0.0) * random.uniform(1, 1 + SPREAD)
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
        return min(pause, LONGEST_PAUSE_SECONDS)
