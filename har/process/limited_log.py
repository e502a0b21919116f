"""A log of what may happen thousands of times a second: some lines in full, the others as a count."""

import logging
import time
from collections import Counter
from collections.abc import Callable


class LimitedLog:
    """Writes a few warnings of each period in full and counts the others.

    Parameters
    ----------
    logger : logging.Logger
        Where to write.
    lines : int
        The most warnings that are written in full in a period; one for each sender.
    seconds : float
        Length of a period, s.
    clock : callable
        Returns seconds.
    """

    def __init__(
        self,
        logger: logging.Logger,
        *,
        lines: int = 10,
        seconds: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logger = logger
        self._lines = lines
        self._seconds = seconds
        self._clock = clock
        self._began_at = clock()
        self._written = 0
        self._written_senders: set[str] = set()
        self._counted: Counter[str] = Counter()
        self._counted_senders: set[str] = set()

    def warn(self, kind: str, text: str, *arguments: object, sender: str | None = None) -> None:
        """Write the warning `text` (with ``%s`` places), or count it.

        Parameters
        ----------
        kind : str
            A short name of the reason; the counts are listed by it.
        sender : str, optional
            Who caused it; each is written once in a period.
        """
        self.flush_if_due()
        if self._written < self._lines and sender not in self._written_senders:
            self._written += 1
            if sender is not None:
                self._written_senders.add(sender)
            self._logger.warning(text, *arguments)
            return
        self._counted[kind] += 1
        if sender is not None:
            self._counted_senders.add(sender)

    def flush_if_due(self) -> None:
        """Write what was counted if the period is over, and begin a new one."""
        if self._clock() - self._began_at >= self._seconds:
            self.flush()

    def flush(self) -> None:
        """Write what was counted, and begin a new period."""
        if self._counted:
            kinds = ", ".join(f"{kind} {count}" for kind, count in self._counted.most_common())
            senders = f" from {len(self._counted_senders)} senders" if self._counted_senders else ""
            self._logger.warning("%d more warnings like these%s: %s", self._counted.total(), senders, kinds)
        self._began_at = self._clock()
        self._written = 0
        self._written_senders.clear()
        self._counted.clear()
        self._counted_senders.clear()
