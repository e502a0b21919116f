"""The event times of a table: its column of texts, numbers, timestamps or times of day as µs."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from har.recordings import RecordingError
from har.time_units import MICROSECONDS
from recording_files.layout import Layout, TimeColumn, TimeUnit
from recording_files.times_of_day import times_of_day

#: A float64 holds whole numbers up to here without loss.
_FLOAT64_HOLDS = 1 << 53
#: Times from here on do not fit into 64 bits in µs.
_MOST_US = 9.2e18
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
_WHOLE_NUMBER = r"^\s*[+-]?\d+\s*$"


def column_times(table: pa.Table, layout: Layout, first_row: int, place: Path) -> NDArray[np.int64]:
    """Return the event times of rows, µs.

    Parameters
    ----------
    table : pyarrow.Table
        The rows, with the column of times as text, numbers, timestamps or times of day.
    layout : Layout
        Which column it is, and in which unit.
    first_row : int
        Number of the first row in the whole table, from 0.
    place : Path
        The table, for error messages.

    Raises
    ------
    RecordingError
        If a time is missing or cannot be read. The message names the row.
    """
    if layout.time is None:
        assert layout.rate_hz is not None
        rows = np.arange(first_row, first_row + table.num_rows)
        return cast(NDArray[np.int64], np.round(rows * (MICROSECONDS / layout.rate_hz)).astype(np.int64))
    return _parsed(table[layout.time.name], layout.time, first_row, place)


def _parsed(times: "pa.ChunkedArray[Any]", time: TimeColumn, first_row: int, place: Path) -> NDArray[np.int64]:
    kind, is_clock = times.type, time.unit is TimeUnit.CLOCK
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    is_own_kind = pa.types.is_timestamp(kind) or pa.types.is_duration(kind) or (pa.types.is_time(kind) and is_clock)
    if is_own_kind or (is_number and time.unit.is_number):
        return _converted(times, time, first_row, place)
    try:
        texts = times if pa.types.is_string(kind) else times.cast(pa.string())
    except pa.ArrowException as error:
        raise RecordingError(f"{place}: {time.name} holds {kind}, which is no kind of times") from error
    try:
        return _of_texts(texts, time, first_row, place)
    except pa.ArrowInvalid:
        texts = pc.utf8_trim_whitespace(texts)  # only if need be: it takes time
    try:
        return _of_texts(texts, time, first_row, place)
    except pa.ArrowInvalid as error:
        raise RecordingError(f"{place}: {_first_wrong(texts, time, first_row)}") from error


def _of_texts(texts: "pa.ChunkedArray[Any]", time: TimeColumn, first_row: int, place: Path) -> NDArray[np.int64]:
    if time.unit is TimeUnit.DATE:
        return np.asarray(_dates(texts, time).cast(pa.int64()).to_numpy()) // 1_000
    if time.unit is TimeUnit.CLOCK:
        return np.asarray(_complete(times_of_day(texts)).to_numpy())
    return _in_microseconds(_numbers(texts, is_whole=time.is_whole).to_numpy(), time, first_row, place)


def _numbers(texts: "pa.ChunkedArray[Any]", *, is_whole: bool) -> "pa.ChunkedArray[Any]":
    if is_whole:
        try:
            return texts.cast(pa.int64())
        except pa.ArrowInvalid:
            # The first ones happened to be whole. A float64 holds them all the same if they are small enough.
            numbers = pc.replace_substring(texts, ",", ".").cast(pa.float64())
            if pc.max(pc.abs(numbers)).as_py() >= _FLOAT64_HOLDS:
                raise
            return numbers
    return pc.replace_substring(texts, ",", ".").cast(pa.float64())


def _complete(times: "pa.ChunkedArray[Any]") -> "pa.ChunkedArray[Any]":
    if times.null_count:
        raise pa.ArrowInvalid("a text is no time of day")
    return times


def _converted(times: "pa.ChunkedArray[Any]", time: TimeColumn, first_row: int, place: Path) -> NDArray[np.int64]:
    """Convert numbers, timestamps, lengths of time or times of day to µs."""
    if times.null_count:
        row = first_row + int(pc.index(times.is_null(), True).as_py())
        raise RecordingError(f"{place}: {times.null_count} row(s) have no {time.name}, first row {row}")
    if pa.types.is_timestamp(times.type):
        in_us = times.cast(pa.timestamp("us", times.type.tz), safe=False)
        return np.asarray(in_us.cast(pa.int64()).to_numpy())
    if pa.types.is_duration(times.type):
        return np.asarray(times.cast(pa.duration("us"), safe=False).cast(pa.int64()).to_numpy())
    if pa.types.is_time(times.type):
        return np.asarray(times.cast(pa.time64("us"), safe=False).cast(pa.int64()).to_numpy())
    return _in_microseconds(times.to_numpy(), time, first_row, place)


def _in_microseconds(numbers: NDArray[Any], time: TimeColumn, first_row: int, place: Path) -> NDArray[np.int64]:
    micros = numbers * (MICROSECONDS / time.unit.per_second)
    wrong = ~(np.abs(micros) < _MOST_US)
    if wrong.any():
        row = int(wrong.argmax())
        raise RecordingError(f"{place}: {time.name} {numbers[row]:.17g} is no time, row {first_row + row}")
    if np.issubdtype(numbers.dtype, np.integer):
        more = time.unit.per_second // MICROSECONDS
        return np.asarray(numbers // more if more else numbers * (MICROSECONDS // time.unit.per_second), np.int64)
    return cast(NDArray[np.int64], np.round(micros).astype(np.int64))


def _dates(texts: "pa.ChunkedArray[Any]", time: TimeColumn) -> "pa.ChunkedArray[Any]":
    return _plain_dates(texts).cast(pa.timestamp("ns", "UTC" if time.has_zone else None))


def _first_no_date(texts: "pa.ChunkedArray[Any]", time: TimeColumn) -> int:
    """Return the index of the first text that cannot be read as a date; one of them cannot."""
    good, most = 0, len(texts)  # as many can be read, and too many
    while most - good > 1:
        middle = (good + most) // 2
        try:
            _dates(texts[:middle], time)
            good = middle
        except pa.ArrowInvalid:
            most = middle
    return good


def _plain_dates(texts: "pa.ChunkedArray[Any]") -> "pa.ChunkedArray[Any]":
    """Return dates as Arrow reads them: without a space before the zone, and with a decimal point."""
    return pc.replace_substring_regex(pc.replace_substring(texts, ",", "."), r"\s+([+-]\d\d:?\d\d)$", r"\1")


def _first_wrong(texts: "pa.ChunkedArray[Any]", time: TimeColumn, first_row: int) -> str:
    if time.unit is TimeUnit.DATE:
        row = _first_no_date(texts, time)
        example = f"2026-05-01 12:00:00.020{'Z, with a zone as the first one' if time.has_zone else ''}"
        return f"{time.name} {texts[row].as_py()!r} is no date such as {example}, row {first_row + row}"
    if time.unit is TimeUnit.CLOCK:
        row = int(pc.index(pc.is_null(times_of_day(texts)), True).as_py())
        return f"{time.name} {texts[row].as_py()!r} is no time of day such as 12:00:00.020, row {first_row + row}"
    plain = pc.replace_substring(texts, ",", ".")
    wrong = pc.invert(pc.match_substring_regex(plain, _WHOLE_NUMBER if time.is_whole else _NUMBER))
    row = int(pc.index(wrong, True).as_py())
    if row < 0:
        return f"{time.name} has a number that does not fit into 64 bits"
    what = "a whole number like the first ones" if time.is_whole else "a number"
    return f"{time.name} {texts[row].as_py()!r} is not {what}, row {first_row + row}"
