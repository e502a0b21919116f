"""What a check keeps of one session: sums of a fixed size."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from har.resampling import reach_us
from har.signal_quality import SignalBounds
from har.windowing import WindowSpec
from recording_files.checking.clock import Place, SessionClock
from recording_files.checking.gravity import GravityMeter
from recording_files.checking.rates import SessionRate
from recording_files.checking.readability import Readability
from recording_files.session_pieces import SessionNames, SessionPiece


@dataclass
class SessionCheck:
    """The sums of one session.

    Attributes
    ----------
    names : SessionNames
        The session.
    file : Path
        File with the first readings.
    rate : SessionRate
        Its sample rate and gaps.
    readability : Readability
        Whether its readings tell enough.
    clock : SessionClock
        Its event times in the order of the file.
    gravity : GravityMeter
        The size of its readings.
    readings : int
        Number of readings.
    first_broken : Place or None
        The first reading that is not finite.
    """

    names: SessionNames
    file: Path
    rate: SessionRate
    readability: Readability
    clock: SessionClock = field(default_factory=SessionClock)
    gravity: GravityMeter = field(default_factory=GravityMeter)
    readings: int = 0
    first_broken: Place | None = None

    def add(self, piece: SessionPiece, file: Path, first_row: int) -> None:
        """Add the rows of a part. Its file and its first row in it are given."""
        rows = piece.rows + first_row
        self.readings += len(rows)
        self.clock.add(piece.times, rows, file)
        self.gravity.add(piece.times, piece.axes)
        ordered = piece.in_time()
        self.rate.add(ordered.times, ordered.axes)
        if self.gravity.broken and self.first_broken is None:
            self.first_broken = Place(file, int(rows[~np.isfinite(piece.axes).all(axis=1)][0]))
        finite = _finite(ordered) if self.gravity.broken else ordered
        if len(finite.times):
            self.readability.add(finite.times, finite.axes)

    def join(self, later: "SessionCheck", rows: Mapping[Path, int]) -> None:
        """Add the check of the next rows of the session. `rows` has the number of rows of each file before them."""
        self.readings += later.readings
        self.first_broken = self.first_broken or (later.first_broken and later.first_broken.after(rows))
        self.rate.join(later.rate)
        self.clock.join(later.clock, rows)
        self.gravity.join(later.gravity)
        self.readability.join(later.readability)

    def describe(self, place: Place | None = None) -> str:
        """Return the session's place for a finding: its first file or the given row, and its names."""
        return f"{place or self.file.name} ({self.names})"

    @property
    def has_no_window(self) -> bool:
        """Whether the session is too short for a window."""
        spec = self.readability.spec
        return self.rate.longest_stretch_us < spec.length_us + 2 * reach_us(spec.period_us)


def begin_session(names: SessionNames, file: Path, spec: WindowSpec, bounds: SignalBounds) -> SessionCheck:
    """Return the check of a new session."""
    return SessionCheck(names, file, SessionRate(names, file), Readability(spec, bounds))


def _finite(piece: SessionPiece) -> SessionPiece:
    kept = np.isfinite(piece.axes).all(axis=1)
    return SessionPiece(piece.names, piece.rows[kept], piece.times[kept], piece.axes[kept])
