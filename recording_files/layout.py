"""How the columns of a table become the project's: which are the time, the axes, and the texts, and in which units."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path

import msgspec

from har.activity_names import listed
from har.time_units import MICROSECONDS

#: 1 g in m/s².
STANDARD_GRAVITY = 9.80665
#: A sentence names at most so many files.
_MOST_NAMED = 3


class TimeUnit(StrEnum):
    """What a column of times holds.

    Attributes
    ----------
    SECONDS, MILLISECONDS, MICROSECONDS, NANOSECONDS
        Numbers, from any origin.
    DATE
        Dates with times as ISO 8601 writes them, in UTC if no zone is stated.
    CLOCK
        Times of day, such as 23:59:59.980.
    """

    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"
    NANOSECONDS = "ns"
    DATE = "date"
    CLOCK = "clock"

    @property
    def is_number(self) -> bool:
        """Whether the column holds numbers."""
        return self not in (TimeUnit.DATE, TimeUnit.CLOCK)

    @property
    def per_second(self) -> int:
        """How many of the unit are a second."""
        return {"s": 1, "ms": 1_000, "us": MICROSECONDS, "ns": 1_000_000_000}[self.value]


class Unit(StrEnum):
    """The unit of the readings: m/s², g, or thousandths of g."""

    METRES = "m/s2"
    G = "g"
    MILLI_G = "mg"

    @property
    def sign(self) -> str:
        """The unit as people write it."""
        return "m/s²" if self is Unit.METRES else self.value

    @property
    def in_metres(self) -> float:
        """The unit in m/s²."""
        return {"m/s2": 1.0, "g": STANDARD_GRAVITY, "mg": STANDARD_GRAVITY / 1_000}[self.value]


class TimeColumn(msgspec.Struct, frozen=True):
    """The column of event times.

    Attributes
    ----------
    name : str
        The column.
    unit : TimeUnit
        What it holds.
    is_whole : bool
        Whether all its numbers are whole. They may then have more digits than a float64.
    has_zone : bool
        Whether its dates state their zone.
    """

    name: str
    unit: TimeUnit
    is_whole: bool = False
    has_zone: bool = False

    def describe(self) -> str:
        """Return the column and its unit."""
        kinds = {TimeUnit.DATE: "dates", TimeUnit.CLOCK: "times of day"}
        return f"{self.name}, {kinds[self.unit]}" if self.unit in kinds else f"{self.name} in {self.unit.value}"


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """How the columns of a table become the project's.

    Attributes
    ----------
    format : str
        What the table is, for the person who reads it: ``HHAR``, ``phyphox``, …
    time : TimeColumn or None
        The event times; None if the table has none: then reading `i` was measured at ``i / rate_hz``.
    rate_hz : float or None
        The sample rate that the format states, Hz.
    axes : tuple of str
        The columns of x, y and z.
    gravity : tuple of str or None
        Columns of gravity that are added to the axes, if these are without it.
    unit : Unit
        The unit of the axes.
    is_inverted : bool
        Whether all signs are the opposite of Android's, as on an iPhone.
    texts : dict of str to str
        The table's column of ``user``, ``device``, ``model``, ``session`` or ``gt``, as far as it has them.
    labels : dict of str to str
        Activities by the codes that stand for them.
    constants : dict of str to str
        The value of those that are the same for all rows.
    has_incomplete_rows : bool
        Whether the published tables are known to have rows with missing cells, which are left out.
    """

    format: str
    axes: tuple[str, str, str]
    unit: Unit
    time: TimeColumn | None
    rate_hz: float | None = None
    gravity: tuple[str, str, str] | None = None
    is_inverted: bool = False
    texts: dict[str, str] = {}
    labels: dict[str, str] = {}
    constants: dict[str, str] = {}
    has_incomplete_rows: bool = False

    @property
    def rows_stand_alone(self) -> bool:
        """Whether a part of the rows can be read without those before it: their times need no row number and no day."""
        return self.time is not None and self.time.unit is not TimeUnit.CLOCK

    @property
    def scale(self) -> float:
        """What a value is multiplied by to be in m/s² with Android's signs."""
        return -self.unit.in_metres if self.is_inverted else self.unit.in_metres

    @property
    def columns(self) -> list[str]:
        """The columns of the table that are read."""
        of_time = [self.time.name] if self.time else []
        return list(dict.fromkeys([*of_time, *self.axes, *(self.gravity or ()), *self.texts.values()]))

    def describe_numbers(self) -> list[str]:
        """Return what was understood of the axes and the times, in sentences."""
        signs = ", signs as on an iPhone" if self.is_inverted else ""
        added = f" + gravity {', '.join(self.gravity)}" if self.gravity else ""
        time = f"row number / {self.rate_hz:g} Hz" if self.time is None else self.time.describe()
        return [f"axes {', '.join(self.axes)}{added} in {self.unit.sign}{signs}", f"time {time}"]

    def describe(self) -> list[str]:
        """Return what was understood, in sentences."""
        texts = [f"{_word(name)} from {column}" for name, column in self.texts.items()]
        texts += [f"{_word(name)} {text}" for name, text in self.constants.items() if text]
        return [
            f"format {self.format}",
            *self.describe_numbers(),
            *([", ".join(texts)] if texts else []),
        ]

    def describe_unread(self, names: Iterable[str]) -> list[str]:
        """Return which columns of a table are not read, in a sentence, if none is read as the label: one may be it."""
        has_labels = "gt" in self.texts or bool(self.constants.get("gt"))
        unread = [] if has_labels else [name for name in names if name not in self.columns]
        return [f"not read: {listed(unread)}"] if unread else []


def _word(column: str) -> str:
    return "label" if column == "gt" else column


def differences(layouts: Mapping[Path, Layout]) -> list[str]:
    """Return in which axes or times the layouts of a data set's tables differ from the first, in sentences."""
    usual = next(iter(layouts.values())).describe_numbers()
    places: dict[str, list[str]] = {}
    for place, layout in layouts.items():
        for fact in layout.describe_numbers():
            if fact not in usual:
                places.setdefault(fact, []).append(place.name)
    return [f"but {fact} in {listed(names, most=_MOST_NAMED)}" for fact, names in places.items()]
