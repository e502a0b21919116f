"""Measure the sample rates of sessions from event times."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from har.resampling import Times
from har.time_units import MICROSECONDS
from har.windowing import WindowSpec
from recording_files.session_pieces import SessionNames, pieces_of
from recording_files.table import Part

#: With fewer readings, no rate is computed.
FEWEST_READINGS = 100


@dataclass
class SessionRate:
    """The sample rate of one session.

    Attributes
    ----------
    names : SessionNames
        The session.
    file : Path
        File with the first readings.
    intervals : int
        Number of pairs of consecutive readings without a gap between them.
    covered_us : int
        Total time between these pairs, µs.
    gaps : int
        Number of gaps.
    longest_gap_us : int
        Longest gap, µs.
    repeats, conflicts : int
        Number of readings with the time and the values of another one, which are ignored, and of those with its time
        and other values.
    longest_stretch_us : int
        Longest time without a gap, µs.
    last_us, first_us : int or None
        Newest and oldest event time so far, µs; None before the first reading.
    """

    names: SessionNames
    file: Path
    intervals: int = 0
    covered_us: int = 0
    gaps: int = 0
    longest_gap_us: int = 0
    repeats: int = 0
    conflicts: int = 0
    longest_stretch_us: int = 0
    last_us: int | None = None
    first_us: int | None = None
    _stretch_begin_us: int = 0

    @property
    def rate_hz(self) -> float | None:
        """Sample rate without gaps, Hz; None if there are too few readings."""
        if self.gaps > self.intervals:  # almost every interval is a gap, so the unit of `t` is wrong
            return MICROSECONDS / (self.longest_gap_us or 1) if self.gaps >= FEWEST_READINGS else None
        if self.intervals < FEWEST_READINGS:
            return None
        return self.intervals * MICROSECONDS / self.covered_us if self.covered_us else float("inf")

    def add(self, times: Times, axes: NDArray[np.float32]) -> None:
        """Add readings in order of time."""
        continues = self.last_us is not None and times[0] > self.last_us
        joined = np.append(np.int64(self.last_us or 0), times) if continues else times
        steps = np.diff(joined)
        same_time = np.diff(times) == 0
        repeats = int((same_time & (axes[1:] == axes[:-1]).all(axis=1)).sum()) if same_time.any() else 0
        cuts = np.flatnonzero(steps > WindowSpec().gap_us) + 1
        gaps_us = steps[cuts - 1]
        self.intervals += len(steps) - len(cuts) - repeats
        self.covered_us += int(joined[-1]) - int(joined[0]) - int(gaps_us.sum())
        self.gaps += len(cuts)
        self.longest_gap_us = max(self.longest_gap_us, int(gaps_us.max(initial=0)))
        self.repeats += repeats
        self.conflicts += int(same_time.sum()) - repeats
        begins, ends = joined[np.append(0, cuts)], joined[np.append(cuts - 1, len(joined) - 1)]
        begins[0] = self._stretch_begin_us if continues else begins[0]
        self.longest_stretch_us = max(self.longest_stretch_us, int((ends - begins).max()))
        self._stretch_begin_us = int(begins[-1])
        self._extend(int(times[0]), int(times[-1]))

    def join(self, later: "SessionRate") -> None:
        """Add what was measured of the next readings in the file. The stretch between the two is counted in two."""
        if later.first_us is None or later.last_us is None:
            return
        step_us = later.first_us - self.last_us if self.last_us is not None else 0
        if 0 < step_us <= WindowSpec().gap_us:
            self.intervals += 1
            self.covered_us += step_us
        elif step_us > 0:
            self.gaps += 1
            self.longest_gap_us = max(self.longest_gap_us, step_us)
        for name in ("intervals", "covered_us", "gaps", "repeats", "conflicts"):
            setattr(self, name, getattr(self, name) + getattr(later, name))
        self.longest_gap_us = max(self.longest_gap_us, later.longest_gap_us)
        self.longest_stretch_us = max(self.longest_stretch_us, later.longest_stretch_us)
        self._extend(later.first_us, later.last_us)

    def _extend(self, first_us: int, last_us: int) -> None:
        self.first_us = first_us if self.first_us is None else min(self.first_us, first_us)
        self.last_us = last_us if self.last_us is None else max(self.last_us, last_us)


@dataclass
class RateMeter:
    """Measures the sample rate of every session, part by part."""

    _sessions: dict[tuple[str, str, str], SessionRate] = field(default_factory=dict)

    def add(self, part: Part) -> None:
        """Add a part."""
        for piece in pieces_of(part):
            key = piece.names.key
            if key not in self._sessions:
                self._sessions[key] = SessionRate(piece.names, part.file)
            ordered = piece.in_time()
            self._sessions[key].add(ordered.times, ordered.axes)

    def sessions(self) -> list[SessionRate]:
        """Return the measured rates in order of first appearance."""
        return list(self._sessions.values())
