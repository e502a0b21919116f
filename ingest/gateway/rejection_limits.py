"""Limits on what rejected messages add to the dead-letter topic and to the log."""

import asyncio
import logging
from collections.abc import Callable

from har.gateway_messages import Rejected
from har.process.limited_log import LimitedLog
from ingest.gateway.pacing import Pace

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
        self._pace = Pace(per_minute / 60, burst_seconds=60.0)
        self._clock = clock

    def spend(self) -> bool:
        """Count a rejection; return whether another one is allowed."""
        now = self._clock()
        self._pace.take(now=now)
        return self._pace.has_room(now=now)


class RejectionLog:
    """Logs rejections: up to `MAX_LINES` in full, one per phone, and the others as a count every `LOG_SECONDS`."""

    def __init__(self) -> None:
        self._log = LimitedLog(log, lines=MAX_LINES, seconds=LOG_SECONDS)
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
        if self._period is None:  # the count is logged at the period's end, even if no other rejection follows
            self._period = asyncio.get_running_loop().call_later(LOG_SECONDS, self._end_period)
        self._log.warn(
            rejected.code,
            "rejected a message of %d bytes from %s: %s: %s",
            size,
            phone,
            rejected.code,
            rejected.detail,
            sender=phone,
        )

    def close(self) -> None:
        """Log the current count."""
        if self._period is not None:
            self._period.cancel()
            self._end_period()

    def _end_period(self) -> None:
        self._log.flush()
        self._period = None
