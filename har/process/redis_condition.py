"""What a service knows about Redis: whether it works, since when it does not, and what it said last."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from har.process.clock import now_us
from har.process.limited_log import LimitedLog
from har.process.redis_errors import Status, kind_of, said_by, status_of, words_of
from har.time_units import MICROSECONDS

#: Full log lines per period about failing Redis. A Redis that alternates between errors would write one an attempt.
LOG_LINES, LOG_SECONDS = 4, 60.0


@dataclass(frozen=True)
class RedisFault:
    """Why something that needs Redis fails.

    Attributes
    ----------
    kind : str
        The kind of the newest error (`har.process.redis_errors`).
    words : str
        What Redis, or its client, said.
    since : int
        When the first of the errors in a row occurred, µs since the Unix epoch.
    """

    kind: str
    words: str
    since: int


class RedisCondition:
    """Tracks what fails, writes a log line when that changes, and reports errors to metrics.

    Parameters
    ----------
    logger : logging.Logger
        Where to write.
    on_error : callable, optional
        Called with the kind of each error.
    on_change : callable, optional
        Called with whether everything works, after each success and failure.
    """

    def __init__(
        self,
        logger: logging.Logger,
        *,
        on_error: Callable[[str], None] = lambda _: None,
        on_change: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._logger = logger
        self._log = LimitedLog(logger, lines=LOG_LINES, seconds=LOG_SECONDS)
        self._on_error = on_error
        self._on_change = on_change
        self._faults: dict[str, RedisFault] = {}
        self._is_tried = False

    @property
    def fault(self) -> RedisFault | None:
        """The fault that began first; None if everything works."""
        return min(self._faults.values(), key=lambda fault: fault.since, default=None)

    @property
    def status(self) -> Status:
        """The word for health pages."""
        if not self._is_tried:
            return "untried"
        return status_of(None if self.fault is None else self.fault.kind)

    def note_failure(self, purpose: str, error: Exception) -> RedisFault:
        """Note that an attempt failed.

        Parameters
        ----------
        purpose : str
            What was attempted, as in "cannot …".
        error : Exception
            Why it failed.
        """
        self._is_tried = True
        kind, words = kind_of(error), words_of(error)
        known = self._faults.get(purpose)
        self._faults[purpose] = fault = RedisFault(kind, words, now_us() if known is None else known.since)
        if known is None or known.kind != kind:
            self._log.warn(kind, "cannot %s, trying again: %s", purpose, said_by(error))
        self._on_error(kind)
        self._on_change(False)
        return fault

    def note_success(self, purpose: str) -> RedisFault | None:
        """Note that an attempt succeeded; return the fault that it ended, if there was one."""
        self._is_tried = True
        ended = self._faults.pop(purpose, None)
        if ended is not None:
            seconds = (now_us() - ended.since) / MICROSECONDS
            self._logger.warning(
                "can %s again, after %.1f s of errors; the last was: %s", purpose, seconds, ended.words
            )
        self._on_change(not self._faults)
        return ended
