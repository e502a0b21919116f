"""What a plot shows of recordings of any length, in memory of a fixed size."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from classify.answers import Answer
from classify.plots.envelope import Envelope
from classify.windows import Session
from har.resampling import Times

#: At most this many sessions are drawn.
MOST_SESSIONS = 30
#: Buckets of all sessions together, and the fewest of one.
_BUCKETS = 1 << 18
_FEWEST_BUCKETS = 1 << 13
#: Answers are kept this many at a time before they are put into buckets.
_PIECE = 256


@dataclass
class DrawnSession:
    """What is kept of a session.

    Attributes
    ----------
    readings : Envelope
        Its readings, m/s².
    confidence : Envelope
        The confidence of its answers, at the middle of their windows.
    """

    readings: Envelope = field(default_factory=lambda: Envelope(3, _BUCKETS // 2))
    confidence: Envelope = field(default_factory=lambda: Envelope(1, _BUCKETS // 2))
    _waiting: list[tuple[int, float]] = field(default_factory=list)

    def answered(self, answer: Answer) -> None:
        """Add an answer. One for readings that tell too little has no confidence to show."""
        prediction = answer.prediction
        if prediction.reason is not None:
            return
        self._waiting.append(((prediction.start + prediction.end) // 2, prediction.confidence))
        if len(self._waiting) >= _PIECE:
            self.flush()

    def flush(self) -> None:
        """Put the answers that are kept into buckets."""
        if self._waiting:
            times, confidence = zip(*self._waiting, strict=True)
            self.confidence.add(np.array(times, np.int64), np.array(confidence)[:, None])
            self._waiting.clear()


class DrawnSessions:
    """Takes the readings and the answers of sessions.

    Attributes
    ----------
    sessions : dict of Session to DrawnSession
        What is kept of the first `MOST_SESSIONS` sessions.
    """

    def __init__(self) -> None:
        self.sessions: dict[Session, DrawnSession] = {}

    def add_readings(self, session: Session, times: Times, axes: NDArray[np.float32]) -> None:
        """Add readings of a session; see `classify.windows.TakeReadings`."""
        known = self.sessions.get(session)
        if known is None:
            if len(self.sessions) == MOST_SESSIONS:
                return
            known = self.sessions[session] = DrawnSession()
            for each in self.sessions.values():
                for envelope in (each.readings, each.confidence):
                    envelope.limit(max(_FEWEST_BUCKETS, _BUCKETS // 2 // len(self.sessions)))
        known.readings.add(times, axes)

    def add(self, answer: Answer) -> None:
        """Add an answer of a session whose readings were added."""
        if known := self.sessions.get(answer.session):
            known.answered(answer)
