"""Checks of a live batch against the earlier batches of its session."""

import zlib
from collections import OrderedDict
from dataclasses import dataclass

from har.rejections import RejectedMessage
from har.samples import SampleBatch
from har.sequences import check_sequence

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
    """Rejects batches that contradict their session."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[tuple[str, str], _Session] = OrderedDict()

    def check(self, batch: SampleBatch) -> None:
        """Check a batch and remember it.

        A repeat with the same readings is accepted, because devices resend batches when they resume.

        Raises
        ------
        RejectedMessage
            With code ``sequence`` or ``conflict``.
        """
        key = batch.device, batch.session
        session = self._sessions.get(key)
        checksum = zlib.crc32(batch.axes.tobytes(), zlib.crc32(batch.times.tobytes()))
        newest = batch.newest
        if session is None:
            session = self._sessions[key] = _Session(batch.last_sequence, newest, OrderedDict())
        else:
            self._check_session(session, batch, checksum)
        self._sessions.move_to_end(key)
        session.last_sequence = max(session.last_sequence, batch.last_sequence)
        session.newest = max(session.newest, newest)
        session.checksums[batch.sequence] = checksum
        if len(session.checksums) > REMEMBERED_BATCHES:
            session.checksums.popitem(last=False)
        if len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)

    def _check_session(self, session: _Session, batch: SampleBatch, checksum: int) -> None:
        known = session.checksums.get(batch.sequence)
        if known is not None and known != checksum:
            raise RejectedMessage(
                "conflict",
                f"sequence {batch.sequence} was sent before with other readings; begin a new session",
            )
        if known is None:
            check_sequence(batch, last=session.last_sequence, newest=session.newest)
