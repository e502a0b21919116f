"""The windows of all sessions of a data set, in memory that does not grow with its length."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from har.recording_cutter import RecordingCutter
from har.resampling import Times
from har.windowing import WindowSpec, WindowValues
from recording_files.session_pieces import SessionPiece, pieces_of
from recording_files.table import Part

#: Readings that are cut at a time, so that few windows are in memory.
PIECE_READINGS = 2_000


class Session(NamedTuple):
    """A session of a data set.

    Attributes
    ----------
    device, model, user, session : str
        Names of the device, the phone's model, the user and the session.
    file : Path
        File with the first readings.
    begin : int
        Event time of the beginning, µs: the oldest of the first readings.
    """

    device: str
    model: str
    user: str
    session: str
    file: Path = Path()
    begin: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        """What identifies it in its data set: device, user and session."""
        return self.device, self.user, self.session


class SessionWindow(NamedTuple):
    """A window and its session."""

    session: Session
    window: WindowValues


#: Takes a session, the event times of some of its readings, µs, sorted, and the readings, m/s².
TakeReadings = Callable[[Session, Times, NDArray[np.float32]], object]


@dataclass
class CutSession:
    """A session whose windows are cut.

    Attributes
    ----------
    session : Session
        The session.
    cutter : RecordingCutter
        What cuts it; it counts the readings that were merged or came too late.
    broken : int
        Number of readings that are not finite. They are left out.
    readings : int
        Number of all readings so far.
    has_ended : bool
        Whether all its windows are cut.
    """

    session: Session
    cutter: RecordingCutter
    broken: int = 0
    readings: int = 0
    has_ended: bool = False


@dataclass
class DataSetWindows:
    """Cuts the windows of a data set part by part.

    Windows come in order of time within each session. They are equal bit for bit to those of
    `har.windowing.recording_windows`.

    Attributes
    ----------
    spec : WindowSpec
        How windows are cut.
    on_readings : callable, optional
        Called with the finite readings of a session, before they are cut.
    expected : mapping of tuple to int
        Number of readings of a session by its device, user and session, as far as it is known. Its last windows follow
        its last reading. Those of another session follow the last part.
    """

    spec: WindowSpec
    on_readings: TakeReadings = lambda _session, _times, _axes: None
    expected: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    _sessions: dict[tuple[str, str, str], CutSession] = field(default_factory=dict)

    @property
    def sessions(self) -> list[CutSession]:
        """The sessions so far, in order of first appearance."""
        return list(self._sessions.values())

    def cut(self, parts: Iterable[Part]) -> Iterator[SessionWindow]:
        """Yield the windows of all parts. Readings that are not finite are left out, as if they were not measured.

        Raises
        ------
        RecordingError
            If a part cannot be read.
        """
        for part in parts:
            for piece in map(SessionPiece.in_time, pieces_of(part)):
                known = self._sessions.get(piece.names.key)
                if known is None:
                    session = Session(*piece.names, part.file, int(piece.times[0]))
                    known = self._sessions[session.key] = CutSession(session, RecordingCutter(self.spec))
                known.readings += len(piece.times)
                yield from self._cut(known, piece.times, piece.axes)
                if known.readings == self.expected.get(known.session.key):
                    yield from self._rest(known)
        for known in self._sessions.values():
            if not known.has_ended:
                yield from self._rest(known)

    def _cut(self, known: CutSession, times: Times, axes: NDArray[np.float32]) -> Iterator[SessionWindow]:
        finite = np.isfinite(axes).all(axis=1)
        if not finite.all():
            known.broken += int((~finite).sum())
            times, axes = times[finite], axes[finite]
        self.on_readings(known.session, times, axes)
        for begin in range(0, len(times), PIECE_READINGS):
            piece = slice(begin, begin + PIECE_READINGS)
            yield from (SessionWindow(known.session, window) for window in known.cutter.add(times[piece], axes[piece]))

    def _rest(self, known: CutSession) -> Iterator[SessionWindow]:
        known.has_ended = True
        yield from (SessionWindow(known.session, window) for window in known.cutter.finish())
