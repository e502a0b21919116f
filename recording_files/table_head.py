"""The beginning of a text table: what formats are recognised by."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import IO

from har.recordings import RecordingError
from recording_files.layout import TimeColumn, TimeUnit, Unit
from recording_files.other_tables import kind_of_file
from recording_files.stored_files import DAMAGED
from recording_files.text_form import HEAD_BYTES, NotATableError, TextForm, form_of, is_number
from recording_files.times_of_day import TIME_OF_DAY

_WHOLE = re.compile(r"[+-]?\d+")
_DATE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
_ZONE = re.compile(r"(Z|[+-]\d\d:?\d\d)$")
#: Sample rates of phones, Hz. They span less than the factor 1,000 between two units of time, so only one unit fits.
#: An app that logs once a second may count in seconds, and a program in ms: from 1,000 Hz on, nothing is sure.
_RATES_HZ = (4.0, 800.0)
#: Rates at which the unit in a column's name is believed. Readings that come too seldom are for the check to tell.
_NAMED_RATES_HZ = (0.2, 2_000.0)
_NAMED_UNITS = (
    (r"s|sec|seconds?", TimeUnit.SECONDS),
    (r"ms|milliseconds?", TimeUnit.MILLISECONDS),
    (r"us|µs|microseconds?", TimeUnit.MICROSECONDS),
    (r"ns|nanoseconds?", TimeUnit.NANOSECONDS),
)
#: Median magnitudes of readings in each unit, with gravity.
_MAGNITUDES = {Unit.METRES: (7.5, 12.5), Unit.G: (0.75, 1.3), Unit.MILLI_G: (750.0, 1_300.0)}


@dataclass(frozen=True)
class TableHead:
    """The form and the first rows of a text table.

    Attributes
    ----------
    place : Path
        The file, for error messages.
    form : TextForm
        How it is written.
    rows : list of list of str
        Cells of the first rows.
    """

    place: Path
    form: TextForm
    rows: list[list[str]]

    @cached_property
    def names(self) -> list[str]:
        """The names of the columns, each once."""
        return self.form.unique_names

    def has(self, *names: str) -> bool:
        """Return whether the table has all of these columns."""
        return set(names) <= set(self.names)

    def named(self, pattern: str) -> str | None:
        """Return the column whose whole name matches a pattern, in any case; None if there is not exactly one."""
        found = self.all_named(pattern)
        return found[0] if len(found) == 1 else None

    def all_named(self, pattern: str) -> list[str]:
        """Return the columns whose whole names match a pattern, in any case, in their order."""
        return [name for name in self.names if re.fullmatch(pattern, name, re.IGNORECASE)]

    def three_named(self, pattern: str) -> tuple[str, str, str] | None:
        """Return the columns of x, y and z: those that match a pattern in which ``AXIS`` stands for the letter."""
        x, y, z = (self.named(pattern.replace("AXIS", letter)) for letter in "xyz")
        return (x, y, z) if x and y and z else None

    def cells(self, name: str) -> list[str]:
        """Return the first cells of a column that are not empty."""
        place = self.names.index(name)
        return [row[place] for row in self.rows if place < len(row) and row[place]]

    def numbers(self, name: str) -> list[float]:
        """Return the first numbers of a column, whichever decimal sign they have."""
        return [float(cell.replace(",", ".")) for cell in self.cells(name) if is_number(cell)]

    def time(self, name: str, unit: TimeUnit) -> TimeColumn:
        """Return a column of times whose unit is known."""
        cells = self.cells(name)
        has_zone = unit is TimeUnit.DATE and bool(cells) and _ZONE.search(cells[0]) is not None
        return TimeColumn(name, unit, is_whole=all(map(_WHOLE.fullmatch, cells)), has_zone=has_zone)

    def time_by_spacing(self, name: str) -> TimeColumn | None:
        """Return a column of times in the unit that its name states, or the only one in which a phone has its rate."""
        cells = self.cells(name)
        if cells and all(map(_DATE.match, cells)):
            return self.time(name, TimeUnit.DATE)
        if cells and all(map(TIME_OF_DAY.fullmatch, cells)):
            return self.time(name, TimeUnit.CLOCK)
        times = self.numbers(name)
        # Times that go backwards tell the unit, too; the check of the recording says that they do.
        steps = [abs(later - earlier) for earlier, later in pairwise(times) if later != earlier]
        if not steps:
            return None
        spacing = (max(times) - min(times)) / len(times) if len(steps) < len(times) / 2 else median(steps)
        stated = _named_unit(name)
        if stated and _NAMED_RATES_HZ[0] <= stated.per_second / spacing <= _NAMED_RATES_HZ[1]:
            return self.time(name, stated)
        units = (TimeUnit.SECONDS, TimeUnit.MILLISECONDS, TimeUnit.MICROSECONDS, TimeUnit.NANOSECONDS)
        fitting = [unit for unit in units if _RATES_HZ[0] <= unit.per_second / spacing <= _RATES_HZ[1]]
        return self.time(name, fitting[0]) if len(fitting) == 1 else None

    def median_magnitude(self, axes: Sequence[str]) -> float | None:
        """Return the median magnitude of the first readings, in their unit; None if there are none."""
        columns = [self.numbers(name) for name in axes]
        readings = zip(*columns, strict=False)
        magnitudes = [sum(value * value for value in reading) ** 0.5 for reading in readings]
        return median(magnitudes) if magnitudes else None

    def unit_by_magnitude(self, axes: Sequence[str]) -> Unit | None:
        """Return the unit in which the median magnitude of the first readings is about that of gravity."""
        middle = self.median_magnitude(axes)
        if middle is None:
            return None
        return next((unit for unit, (low, high) in _MAGNITUDES.items() if low <= middle <= high), None)


def text_of(value: object) -> str:
    """Return a cell of a table that is no text as one: a length of time as seconds, nothing for a missing value.

    Examples
    --------
    >>> text_of(datetime(2026, 5, 1, 12)), text_of(timedelta(milliseconds=20)), text_of(float("nan"))
    ('2026-05-01 12:00:00', '0.02', '')
    """
    if value is None or value != value:  # noqa: PLR0124 - only NaN differs from itself
        return ""
    if isinstance(value, timedelta):
        return str(value.total_seconds())
    return value.isoformat(" ") if isinstance(value, datetime) else str(value)


def read_head(opened: IO[bytes], place: Path, encoding: str | None = None) -> TableHead:
    """Read the beginning of a text table, in a stated encoding or in that which its bytes tell.

    Raises
    ------
    NotATableError
        If it is not a table.
    RecordingError
        If it cannot be read.
    """
    try:
        head = opened.read(HEAD_BYTES)
    except DAMAGED as error:
        raise RecordingError(f"{place} cannot be read: {error or 'it is damaged'}") from error
    kind = kind_of_file(head)
    if kind is not None:
        raise NotATableError(f"{place} is {kind}")
    form, rows = form_of(head, place, encoding)
    return TableHead(place, form, rows)


def _named_unit(name: str) -> TimeUnit | None:
    """Return the unit that a column's name ends with, in brackets or as a word of its own; None if there is none."""
    words = re.split(r"[^a-zµ]+", re.sub(r"([ _])elapsed$", "", name.lower()).rstrip(" )]"))
    last = words[-1]
    return next((unit for pattern, unit in _NAMED_UNITS if re.fullmatch(pattern, last)), None)
