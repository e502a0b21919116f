"""Times of day, such as `23:59:59:980` of Physics Toolbox: they begin anew at midnight."""

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from har.time_units import MICROSECONDS

#: Three digits behind a colon are ms; digits behind a point or a comma are a part of a second.
TIME_OF_DAY = re.compile(r"\s*\d{1,2}:\d\d:\d\d([:.,]\d{1,9})?\s*")
_PARTS = r"^\s*(?P<hours>\d{1,2}):(?P<minutes>\d\d):(?P<seconds>\d\d)(?P<mark>[:.,]?)(?P<digits>\d{0,9})\s*$"
_DAY_US = 24 * 3_600 * MICROSECONDS


def times_of_day(texts: "pa.ChunkedArray[Any]") -> "pa.ChunkedArray[Any]":
    """Return times of day, µs since midnight; null where a text is none."""
    found = pc.extract_regex(texts, _PARTS)
    hours, minutes, seconds = (
        pc.cast(pc.struct_field(found, name), pa.int64()) for name in ("hours", "minutes", "seconds")
    )
    mark, digits = pc.struct_field(found, "mark"), pc.struct_field(found, "digits")
    six = pc.if_else(pc.equal(mark, pa.scalar(":")), pc.utf8_lpad(digits, 3, "0"), digits)
    six = pc.utf8_slice_codeunits(pc.utf8_rpad(six, 6, "0"), 0, 6)
    in_seconds = pc.add(pc.multiply(pc.add(pc.multiply(hours, 60), minutes), 60), seconds)
    times: pa.ChunkedArray[Any] = pc.add(pc.multiply(in_seconds, MICROSECONDS), pc.cast(six, pa.int64()))
    return times


class Days:
    """Counts the midnights between times of day, block by block."""

    def __init__(self) -> None:
        self._midnights = 0
        self._last: int | None = None

    def add(self, times: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return times since the first midnight, µs.

        A time that is more than half a day before its predecessor is one of the next day; one that is more than half a
        day after it, of the day before, as readings around midnight may come out of order.
        """
        steps = np.diff(times, prepend=times[0] if self._last is None else self._last)
        days = self._midnights + np.cumsum((steps < -_DAY_US // 2).astype(np.int64) - (steps > _DAY_US // 2))
        self._midnights, self._last = int(days[-1]), int(times[-1])
        return np.asarray(times + days * _DAY_US, np.int64)
