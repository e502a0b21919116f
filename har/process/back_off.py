"""Back-off: how long to wait between attempts, so that many processes neither hammer a service nor retry in step."""

import random

#: Pauses vary by up to this share.
SPREAD = 0.25
#: Longest pause between two attempts of a transfer, s, unless its first pause is longer.
LONGEST_RETRY_PAUSE_SECONDS = 60.0


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


class RetriesWhileProgressing:
    """Retries of a transfer that continues where it was interrupted, until attempts in a row bring nothing new.

    Parameters
    ----------
    attempts : int
        Number of attempts in a row without progress after which the transfer has failed.
    pause : float
        First pause, s. It doubles with each further attempt without progress, up to `LONGEST_RETRY_PAUSE_SECONDS`.

    Examples
    --------
    >>> retries = RetriesWhileProgressing(2, pause=0)
    >>> [retries.next_pause(made_progress=made_progress) for made_progress in (False, True, False, False)]
    [0.0, 0.0, 0.0, None]
    """

    def __init__(self, attempts: int, *, pause: float) -> None:
        self._attempts = attempts
        self._fruitless = 0
        self._back_off = BackOff(pause, longest=max(pause, LONGEST_RETRY_PAUSE_SECONDS))

    def next_pause(self, *, made_progress: bool) -> float | None:
        """Return the pause before the next attempt, s; None if there should be no further attempt.

        Parameters
        ----------
        made_progress : bool
            Whether the attempt that was interrupted brought anything new.
        """
        if made_progress:
            self._fruitless = 0
            self._back_off.reset()
        else:
            self._fruitless += 1
        return self._back_off.next_pause() if self._fruitless < self._attempts else None


def spread_out(interval: float) -> float:
    """Return an interval, s, varied by up to `SPREAD`, so that many devices do not ask at the same time."""
    return interval * random.uniform(1 - SPREAD, 1 + SPREAD)
