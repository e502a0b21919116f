"""Measure the sample rates of sessions from event times."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from har.recordings import groups_of_rows
from har.resampling import Times
from har.time_units import MICROSECONDS
from har.windowing import WindowSpec
from recording_files.table import Part

#: With fewer readings, no rate is computed.
FEWEST_READINGS = 100


@dataclass
class SessionRate:
    """The sample rate of one session.

    Attributes
    ----------
    device, model, user, session : str
        Names of the device, the phone's model, the user and the session.
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
    repeats : int
        Number of repeated readings, which are ignored.
    last_us : int or None
        Newest event time so far, µs; None before the first reading.
    """

    device: str
    model: str
    user: str
    session: str
    file: Path
    intervals: int = 0
    covered_us: int = 0
    gaps: int = 0
    longest_gap_us: int = 0
    repeats: int = 0
    last_us: int | None = None

    @property
    def name(self) -> str:
        """Description of the session for messages."""
        return f"user {self.user}, session {self.session}, device {self.device}"

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
        steps = np.diff(times)
        repeated = (steps == 0) & (axes[1:] == axes[:-1]).all(axis=1)
        if self.last_us is not None and times[0] > self.last_us:
            steps, repeated = np.append(times[0] - self.last_us, steps), np.append(False, repeated)
        far = steps > WindowSpec().gap_us
        self.intervals += int((~far & ~repeated).sum())
        self.covered_us += int(steps[~far].sum())
        self.gaps += int(far.sum())
        self.longest_gap_us = max(self.longest_gap_us, int(steps[far].max(initial=0)))
        self.repeats += int(repeated.sum())
        self.last_us = max(int(times[-1]), self.last_us or int(times[-1]))


@dataclass
class RateMeter:
    """Measures the sample rate of every session, part by part."""

    _sessions: dict[tuple[str, str, str], SessionRate] = field(default_factory=dict)

    def add(self, part: Part) -> None:
        """Add a part."""
        for names, times, axes, _ in sessions_of(part):
            device, model, user, session = names
            key = (device, user, session)
            if key not in self._sessions:
                self._sessions[key] = SessionRate(device, model, user, session, part.file)
            self._sessions[key].add(times, axes)

    def sessions(self) -> list[SessionRate]:
        """Return the measured rates in order of first appearance."""
        return list(self._sessions.values())


def sessions_of(
    part: Part,
) -> Iterator[tuple[tuple[str, str, str, str], Times, NDArray[np.float32], NDArray[np.intp]]]:
    """Group the rows of a part by session.

    Yields
    ------
    tuple
        (device, model, user, session); event times, µs, sorted; readings, m/s²; and their row indices in the part.
    """
    keys = [part.coded(name) for name in ("device", "model", "user", "session")]
    times, axes = part.times(), part.axes()
    for rows in groups_of_rows(keys[0], keys[2], keys[3]):
        ordered = rows[np.argsort(times[rows], kind="stable")]
        device, model, user, session = (str(key.texts[key.codes[rows[0]]]) for key in keys)
        yield (device, model, user, session), times[ordered], axes[ordered], ordered
