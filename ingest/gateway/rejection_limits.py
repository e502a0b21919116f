"""How much a phone whose messages are rejected may make the gateway write, to Kafka and to its log."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable

from har.gateway_messages import Rejected

log = logging.getLogger(__name__)

#: Rejections are said in full this often in `LOG_SECONDS`, and one a phone; the others are counted.
MOST_LINES = 10
LOG_SECONDS = 10.0


class RejectionBudget:
    """How many more of a connection's messages may be rejected before it is closed.

    Every rejected message is kept on the dead-letter topic. So what a connection may send there is bounded by
    ending the connection, and not by keeping less.

    Parameters
    ----------
    per_minute : int
        How many at once, and how many a minute in the long run.
    clock : callable
        Seconds.

    Examples
    --------
    >>> budget = RejectionBudget(2, clock=lambda: 0.0)
    >>> budget.spend(), budget.spend()
    (True, False)
    """

    def __init__(self, per_minute: int, *, clock: Callable[[], float]) -> None:
        self._most = per_minute
        self._clock = clock
        self._left = float(per_minute)
        self._counted_at = clock()

    def spend(self) -> bool:
        """Count a rejection; return whether there may be another one."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._counted_at) * self._most / 60) - 1
        self._counted_at = now
        return self._left >= 1


class RejectionLog:
    """Logs rejections: some in full, one a phone, the others as a count every `LOG_SECONDS`."""

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._counted: Counter[str] = Counter()
        self._counted_phones: set[str] = set()
        self._period: asyncio.TimerHandle | None = None

    def note(self, phone: str, size: int, rejected: Rejected) -> None:
        """Log or count one rejection.

        Parameters
        ----------
        phone : str
            Whose message it was: its address.
        size : int
            The message's, bytes.
        """
        if self._period is None:
            self._period = asyncio.get_running_loop().call_later(LOG_SECONDS, self._end_period)
        if phone in self._said or len(self._said) >= MOST_LINES:
            self._counted[rejected.code] += 1
            self._counted_phones.add(phone)
            return
        self._said.add(phone)
        log.warning("rejected %d bytes of %s: %s: %s", size, phone, rejected.code, rejected.detail)

    def close(self) -> None:
        """Say what was counted so far."""
        if self._period is not None:
            self._period.cancel()
            self._end_period()

    def _end_period(self) -> None:
        if self._counted:
            codes = ", ".join(f"{code} {count}" for code, count in self._counted.most_common())
            log.warning("rejected %d more of %d phones: %s", self._counted.total(), len(self._counted_phones), codes)
        self._said.clear()
        self._counted.clear()
        self._counted_phones.clear()
        self._period = None
