"""The clock of one session: where it goes back, and whether readings overlay each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from har.recording_cutter import DISORDER_US
from har.resampling import Times
from har.time_units import MICROSECONDS

#: Times may go back by this without a new run: phones deliver readings in batches that are not in order.
_JITTER_US = MICROSECONDS
#: A longer time between two readings begins a new run, so that runs of a table in any order do not seem to overlay.
_RUN_GAP_US = 10 * MICROSECONDS
#: A session with more runs is not examined further, to bound the memory.
_MOST_RUNS = 10_000
#: With fewer readings in a run, the rows are in no order at all, and their runs tell nothing.
_FEWEST_IN_A_RUN = 20


class Place(NamedTuple):
    """A row of a file."""

    file: Path
    row: int

    def __str__(self) -> str:
        """Return the file's name and the row."""
        return f"{self.file.name}, row {self.row}"

    def after(self, rows: Mapping[Path, int]) -> "Place":
        """Return the place if the file's rows were counted from there on."""
        return self._replace(row=self.row + rows.get(self.file, 0))


class Run(NamedTuple):
    """Consecutive rows of a session without a jump of the clock.

    Attributes
    ----------
    begin_us, end_us : int
        Oldest and newest event time, µs.
    number : int
        Which run of the session it is, in the order of the file.
    jump_us : int
        Step of the clock to its first reading, µs; 0 for the first run.
    place : Place
        Its first row.
    """

    begin_us: int
    end_us: int
    number: int
    jump_us: int
    place: Place

    def joined(self, later: "Run") -> "Run":
        """Return a run with the readings of both."""
        return self._replace(begin_us=min(self.begin_us, later.begin_us), end_us=max(self.end_us, later.end_us))


class Overlay(NamedTuple):
    """Runs of one session that cover the same time.

    Attributes
    ----------
    covered_us : int
        Time that several runs cover, µs.
    run : Run
        The first run in the file that covers time of an earlier one.
    """

    covered_us: int
    run: Run


@dataclass
class SessionClock:
    """Follows the event times of one session in the order of the file.

    Attributes
    ----------
    late : int
        Number of readings that are older than those of the parts before by more than
        `har.recording_cutter.DISORDER_US`. The readings of a part are put in order before windows are cut.
    first_late : Place or None
        The first of them.
    oldest_us, newest_us : int
        Oldest and newest event time so far, µs; 0 before the first reading.
    smallest_step_us : int
        Smallest step forward, µs; 0 if there is none.
    """

    late: int = 0
    first_late: Place | None = None
    oldest_us: int = 0
    newest_us: int = 0
    smallest_step_us: int = 0
    _readings: int = 0
    _first_us: int | None = None
    _last_us: int | None = None
    _runs: list[Run] = field(default_factory=list)

    def add(self, times: Times, rows: Times, file: Path) -> None:
        """Add readings.

        Parameters
        ----------
        times : ndarray of int64, shape (n,)
            Event times in the order of the file, µs; one or more.
        rows : ndarray of int64, shape (n,)
            Their rows in the file.
        file : Path
            The file.
        """
        self._readings += len(times)
        oldest, newest = int(times.min()), int(times.max())
        if self._last_us is None:
            self.oldest_us, self.newest_us = oldest, newest
        elif oldest < self.newest_us - DISORDER_US:
            late = np.flatnonzero(times < self.newest_us - DISORDER_US)
            self.first_late = self.first_late or Place(file, int(rows[late[0]]))
            self.late += len(late)
        steps = np.diff(times, prepend=times[0] if self._last_us is None else self._last_us)
        most = np.iinfo(np.int64).max
        forward = int(steps.min(initial=most, where=steps > 0))
        self.smallest_step_us = min(forward, self.smallest_step_us or most) % most
        self._add_runs(times, rows, steps, file)
        self.oldest_us, self.newest_us = min(oldest, self.oldest_us), max(newest, self.newest_us)
        self._first_us = int(times[0]) if self._first_us is None else self._first_us
        self._last_us = int(times[-1])

    def join(self, later: "SessionClock", rows: Mapping[Path, int]) -> None:
        """Add what was followed of the next readings in the file.

        Parameters
        ----------
        later : SessionClock
            The clock of these readings. Its count of late readings knows none of these.
        rows : mapping of Path to int
            Number of rows of each file before those of `later`.
        """
        if later._first_us is None:
            return
        if self._last_us is None:
            self._first_us = self._last_us = later._first_us
            self.oldest_us, self.newest_us = later.oldest_us, later.newest_us
            self._runs = [later._runs[0]._replace(place=later._runs[0].place.after(rows))]
        self._readings += later._readings
        self.late += later.late
        self.first_late = self.first_late or (later.first_late and later.first_late.after(rows))
        self.oldest_us, self.newest_us = (
            min(self.oldest_us, later.oldest_us),
            max(self.newest_us, later.newest_us),
        )
        steps = [step for step in (self.smallest_step_us, later.smallest_step_us) if step]
        self.smallest_step_us = min(steps, default=0)
        step_us = later._first_us - self._last_us
        first, *others = later._runs
        if -_JITTER_US <= step_us <= _RUN_GAP_US:
            self._runs[-1] = self._runs[-1].joined(first)
        else:
            others = [first._replace(jump_us=step_us), *others]
        begin = len(self._runs)
        found = [run._replace(number=begin + place, place=run.place.after(rows)) for place, run in enumerate(others)]
        self._runs += found[: _MOST_RUNS + 1 - begin]
        self._last_us = later._last_us

    def jumps(self) -> list[Run]:
        """Return the runs that begin with a jump of the clock, in the order of the file."""
        return self._runs[1:]

    def overlay(self) -> Overlay | None:
        """Return the time that several runs cover; None if none do, or there are too many runs to tell."""
        if len(self._runs) > _MOST_RUNS or self._readings < _FEWEST_IN_A_RUN * len(self._runs):
            return None
        covered_us, found, longest = 0, list[Run](), None
        for run in sorted(self._runs):
            if longest is not None and run.begin_us < longest.end_us:
                covered_us += min(run.end_us, longest.end_us) - run.begin_us
                found.append(max(run, longest, key=lambda each: each.number))
            longest = run if longest is None else max(run, longest, key=lambda each: each.end_us)
        return Overlay(covered_us, min(found, key=lambda run: run.number)) if covered_us > _JITTER_US else None

    def _add_runs(self, times: Times, rows: Times, steps: Times, file: Path) -> None:
        cuts = np.flatnonzero((steps < -_JITTER_US) | (steps > _RUN_GAP_US))
        continues = bool(self._runs) and not (len(cuts) and cuts[0] == 0)
        starts = cuts if len(cuts) and cuts[0] == 0 else np.append(0, cuts)
        lows, highs = np.minimum.reduceat(times, starts).tolist(), np.maximum.reduceat(times, starts).tolist()
        first = len(self._runs) - continues
        found = [
            Run(low, high, first + number, step, Place(file, row))
            for number, (low, high, step, row) in enumerate(
                zip(lows, highs, steps[starts].tolist(), rows[starts].tolist(), strict=True)
            )
        ]
        if continues:
            found[0] = self._runs.pop().joined(found[0])
        self._runs += found[: _MOST_RUNS + 1 - len(self._runs)]
