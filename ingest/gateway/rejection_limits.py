"""Limits on what rejected messages add to the dead-letter topic and to the log."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable

from har.gateway_messages import Rejected

log = logging.getLogger(__name__)

#: Largest number of rejections that are logged in full within `LOG_SECONDS`, one per phone; others are only counted.
MAX_LINES = 10
LOG_SECONDS = 10.0


class RejectionBudget:
    """How many more messages of a connection may be rejected before the connection is closed.

    The dead-letter topic keeps every rejected message. Therefore the gateway limits its size by closing the connection,
    and not by dropping messages.

    Parameters
    ----------
    per_minute : int
        Rejections allowed at once, and per minute on average.
    clock : callable
        Returns a monotonic time, s.

    Examples
    --------
    >>> budget = RejectionBudget(2, clock=lambda: 0.0)
    >>> budget.spend(), budget.spend()
    (True, False)
    """

    def __init__(self, per_minute: int, *, clock: Callable[[], float]) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._left = float(per_minute)
        self._counted_at = clock()

    def spend(self) -> bool:
        """Count a rejection; return whether another one is allowed."""
        now = self._clock()
        self._left = min(self._per_minute, self._left + (now - self._counted_at) * self._per_minute / 60) - 1
        self._counted_at = now
        return self._left >= 1


class RejectionLog:
    """Logs rejections: up to `MAX_LINES` in full, one per phone, and the others as a count every `LOG_SECONDS`."""

    def __init__(self) -> None:
        self._logged: set[str] = set()
        self._counted: Counter[str] = Counter()
        self._phones: set[str] = set()
        self._period: asyncio.TimerHandle | None = None

    def note(self, phone: str, size: int, rejected: Rejected) -> None:
        """Log or count one rejection.

        Parameters
        ----------
        phone : str
            The sender's address or, for pushed documents, its device.
        size : int
            Size of the message, bytes.
        """
        if self._period is None:
            self._period = asyncio.get_running_loop().call_later(LOG_SECONDS, self._end_period)
        if phone in self._logged or len(self._logged) >= MAX_LINES:
            self._counted[rejected.code] += 1
            self._phones.add(phone)
            return
        self._logged.add(phone)
        log.warning("rejected a message of %d bytes from %s: %s: %s", size, phone, rejected.code, rejected.detail)

    def close(self) -> None:
        """Log the current count."""
        if self._period is not None:
            self._period.cancel()
            self._end_period()

    def _end_period(self) -> None:
        if self._counted:
            codes = ", ".join(f"{code} {count}" for code, count in self._counted.most_common())
            log.warning(
                "rejected %d further messages from %d phones: %s", self._counted.total(), len(self._phones), codes
            )
        self._logged.clear()
        self._counted.clear()
        self._phones.clear()
        self._period = None
