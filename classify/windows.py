"""The windows of all sessions of a data set, in memory that does not grow with its length."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from har.recording_cutter import RecordingCutter
from har.windowing import WindowSpec, WindowValues
from recording_files.session_pieces import sessions_of
from recording_files.table import Part

#: Readings that are cut at a time, so that few windows are in memory.
PIECE_READINGS = 50_000


class Session(NamedTuple):
    """What a session is identified by, and the phone's model."""

    device: str
    model: str
    user: str
    session: str


class SessionWindow(NamedTuple):
    """A window and its session."""

    session: Session
    window: WindowValues


@dataclass
class DataSetWindows:
    """Cuts the windows of a data set part by part.

    Windows come in order of time within each session. They are equal bit for bit to those of
    `har.windowing.recording_windows`.

    Attributes
    ----------
    spec : WindowSpec
        How windows are cut.
    cutters : dict of Session to RecordingCutter
        The sessions so far, with the counts of readings that were merged or came too late.
    """

    spec: WindowSpec
    cutters: dict[Session, RecordingCutter] = field(default_factory=dict)

    def cut(self, parts: Iterable[Part]) -> Iterator[SessionWindow]:
        """Yield the windows of all parts. Readings that are not finite are left out, as if they were not measured.

        Raises
        ------
        RecordingError
            If a part cannot be read.
        """
        for part in parts:
            for names, all_times, all_axes, _ in sessions_of(part):
                session, is_finite = Session(*names), np.isfinite(all_axes).all(axis=1)
                times, axes = all_times[is_finite], all_axes[is_finite]
                cutter = self.cutters.setdefault(session, RecordingCutter(self.spec))
                for begin in range(0, len(times), PIECE_READINGS):
                    piece = slice(begin, begin + PIECE_READINGS)
                    yield from (SessionWindow(session, window) for window in cutter.add(times[piece], axes[piece]))
        for session, cutter in self.cutters.items():
            yield from (SessionWindow(session, window) for window in cutter.finish())
