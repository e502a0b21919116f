"""Checks of a live batch against the gateway's clock and against the earlier batches of its session."""

import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from har.rejections import RejectedMessage
from har.samples import SampleBatch
from har.sequences import check_sequence
from har.time_units import MICROSECONDS

#: Largest number of sessions to remember; the least recently active one is dropped first.
MAX_SESSIONS = 20_000
#: Number of checksums to remember per session, to distinguish a repeat from a conflict.
REMEMBERED_BATCHES = 64


@dataclass
class _Session:
    last_sequence: int
    newest: int
    checksums: OrderedDict[int, int]


class LiveSessionLimits:
    """Rejects batches that contradict the gateway's clock or their session.

    Parameters
    ----------
    max_ahead_seconds, max_behind_seconds : float
        How far a reading may be ahead of or behind the gateway's clock, s.
    clock_us : callable
        Returns the current time, µs since the epoch.
    """

    def __init__(self, *, max_ahead_seconds: float, max_behind_seconds: float, clock_us: Callable[[], int]) -> None:
        self._max_ahead = round(max_ahead_seconds * MICROSECONDS)
        self._max_behind = round(max_behind_seconds * MICROSECONDS)
        self._clock_us = clock_us
        self._sessions: OrderedDict[tuple[str, str], _Session] = OrderedDict()

    def check(self, batch: SampleBatch) -> None:
        """Check a batch and remember it.

        A repeat with the same readings is accepted, because devices resend batches when they resume.

        Raises
        ------
        RejectedMessage
            With code ``future``, ``past``, ``sequence`` or ``conflict``.
        """
        self._check_clock(batch)
        key = batch.device, batch.session
        session = self._sessions.get(key)
        checksum = zlib.crc32(batch.axes.tobytes(), zlib.crc32(batch.times.tobytes()))
        newest = batch.newest
        if session is None:
            session = self._sessions[key] = _Session(batch.sequence, newest, OrderedDict())
        else:
            self._check_session(session, batch, checksum)
        self._sessions.move_to_end(key)
        session.last_sequence = max(session.last_sequence, batch.sequence)
        session.newest = max(session.newest, newest)
        session.checksums[batch.sequence] = checksum
        if len(session.checksums) > REMEMBERED_BATCHES:
            session.checksums.popitem(last=False)
        if len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)

    def _check_clock(self, batch: SampleBatch) -> None:
        now = self._clock_us()
        ahead = max(batch.newest, batch.newest_sent) - now
        behind = now - int(batch.times.min())
        if ahead > self._max_ahead:
            raise RejectedMessage(
                "future",
                f"a timestamp is {ahead / MICROSECONDS:.1f} s ahead of the gateway's clock; "
                f"the limit is {self._max_ahead / MICROSECONDS:g} s: set the device's clock",
            )
        if behind > self._max_behind:
            raise RejectedMessage(
                "past",
                f"a reading is {behind / MICROSECONDS:.0f} s old; "
                f"the limit is {self._max_behind / MICROSECONDS:g} s: set the device's clock",
            )

    def _check_session(self, session: _Session, batch: SampleBatch, checksum: int) -> None:
        known = session.checksums.get(batch.sequence)
        if known is not None and known != checksum:
            raise RejectedMessage(
                "conflict",
                f"sequence {batch.sequence} was sent before with other readings; begin a new session",
            )
        if known is None:
            check_sequence(batch, last=session.last_sequence, newest=session.newest)
