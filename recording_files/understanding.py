"""Tell a person what was understood of a data set, the same way in every command."""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import IO

import numpy as np

from har.activity_names import NULL_LABEL, listed
from har.time_units import time_text
from recording_files.source import Source
from recording_files.table import Part


@dataclass
class Contents:
    """What a data set holds, part by part.

    Attributes
    ----------
    sessions : dict of tuple to None
        (device, user, session) in order of first appearance.
    labels : Counter of str
        Number of readings by label.
    first_us, last_us : int or None
        Oldest and newest event time, µs; None before the first reading.
    """

    sessions: dict[tuple[str, str, str], None] = field(default_factory=dict)
    labels: Counter[str] = field(default_factory=Counter)
    first_us: int | None = None
    last_us: int | None = None

    def add(self, part: Part, sessions: Iterable[tuple[str, str, str]]) -> None:
        """Add the next part, whose sessions are given by device, user and session."""
        if not len(part):
            return
        labels, times = part.coded("gt"), part.times()
        for label, count in zip(labels.texts, np.bincount(labels.codes, minlength=len(labels.texts)), strict=True):
            self.labels[str(label)] += int(count)
        self.sessions |= dict.fromkeys(sessions)
        first, last = int(times.min()), int(times.max())
        self.first_us = first if self.first_us is None else min(self.first_us, first)
        self.last_us = last if self.last_us is None else max(self.last_us, last)

    def join(self, later: "Contents") -> None:
        """Add what another process saw of the next readings."""
        self.sessions |= later.sessions
        self.labels.update(later.labels)
        times = [time for time in (self.first_us, later.first_us) if time is not None]
        self.first_us = min(times, default=None)
        times = [time for time in (self.last_us, later.last_us) if time is not None]
        self.last_us = max(times, default=None)

    @property
    def readings(self) -> int:
        """The number of readings."""
        return self.labels.total()

    def describe(self, rates_hz: Sequence[float | None]) -> list[str]:
        """Return the time, rate, users, sessions and labels, in sentences.

        Parameters
        ----------
        rates_hz : sequence of (float or None)
            Measured sample rate of each session, Hz; None of one with too few readings.
        """
        if self.first_us is None or self.last_us is None:
            return []
        labels = {label: count for label, count in self.labels.most_common() if count and label != NULL_LABEL}
        without = self.labels[NULL_LABEL]
        by_label = [f"{label} ({count:,} readings)" for label, count in labels.items()]
        return [
            f"{counted(self.readings, 'reading')} from {time_text(self.first_us)} to {time_text(self.last_us)}",
            _rates([rate for rate in rates_hz if rate is not None]),
            _named("user", [user for _, user, _ in self.sessions]),
            counted(len(self.sessions), "session"),
            *([_named("label", by_label) + (f"; {without:,} readings have none" if without else "")] if labels else []),
            *([] if labels else ["no labels"]),
        ]


def print_understood(
    source: Source,
    contents: Contents | None = None,
    rates_hz: Sequence[float | None] = (),
    *,
    quiet: bool = False,
    file: IO[str] | None = None,
) -> None:
    """Print what was understood of a data set: a line with its path, then a line for each fact.

    Parameters
    ----------
    source : Source
        The data set.
    contents : Contents, optional
        What it holds. A command that does not read it itself (executors do) leaves it out.
    rates_hz : sequence of (float or None)
        Measured sample rate of each session, Hz.
    quiet : bool
        Whether the person said ``--quiet``: nothing is printed.
    file : text file, optional
        Where to print; by default the standard error.
    """
    if quiet:
        return
    facts = [*source.understood(), *(contents.describe(rates_hz) if contents else [])]
    print("\n  ".join([f"{source.path}:", *facts]), file=file or sys.stderr, flush=True)


def counted(number: int, what: str) -> str:
    """Return a number of things as text.

    Examples
    --------
    >>> counted(1, "session"), counted(3_595, "window")
    ('1 session', '3,595 windows')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _rates(rates: list[float]) -> str:
    if not rates:
        return "too few readings to measure a rate"
    slowest, fastest = f"{min(rates):.3g}", f"{max(rates):.3g}"
    if slowest == fastest:
        return f"rate {median(rates):.4g} Hz"
    return f"rates {slowest} to {fastest} Hz, half of the sessions below {median(rates):.3g} Hz"


def _named(what: str, names: Iterable[str]) -> str:
    """Return how many there are, and the first of them.

    Examples
    --------
    >>> _named("user", ["ben", "anna", "ben"]), _named("user", [""])
    ('2 users: ben, anna', '1 user')
    """
    different = list(dict.fromkeys(names))
    of_them = listed(filter(None, different))
    return counted(len(different), what) + (f": {of_them}" if of_them else "")
