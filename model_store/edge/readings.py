"""Read readings for the edge client from text lines and from files."""

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har.recordings import (
    COLUMNS,
    RecordingError,
    acceleration,
    event_times,
    recordings_from_columns,
    reject_broken,
    require_columns,
)
from har.resampling import Times
from har.samples import MAX_TIME_US, MIN_TIME_US, Axes

#: Columns of a file with one session. A file with all of `COLUMNS` may hold many sessions.
READING_COLUMNS = ("t", "x", "y", "z")
LONGEST_LINE = 1_000


class ReadingError(ValueError):
    """A line is not a valid reading. The message contains the line and the reason."""


@dataclass(frozen=True, eq=False)
class Session:
    """One recorded session.

    Attributes
    ----------
    name : str
        User and session as ``user/session``; empty if the file does not name them.
    times : ndarray of int64, shape (n,)
        Event times, µs from the file's origin, in the file's order.
    axes : ndarray of float32, shape (n, 3)
        m/s², gravity included.
    """

    name: str
    times: Times
    axes: Axes


def parse_line(line: str) -> tuple[int, tuple[float, float, float]] | None:
    """Parse a line ``t,x,y,z`` to a time (µs since the epoch) and axes (m/s²).

    Returns
    -------
    tuple of int and tuple of float, or None
        None for an empty line or the header.

    Raises
    ------
    ReadingError
        If the line is not a valid reading.

    Examples
    --------
    >>> parse_line("1700000000000000,0.1,-0.2,9.8")
    (1700000000000000, (0.1, -0.2, 9.8))
    >>> parse_line("t,x,y,z") is None
    True
    """
    text = line.strip()
    if not text or text == ",".join(READING_COLUMNS):
        return None
    fields = text[:LONGEST_LINE].split(",")
    if len(fields) != len(READING_COLUMNS) or len(text) > LONGEST_LINE:
        raise ReadingError(f"expected t,x,y,z (µs since the epoch, m/s²), got {text[:60]!r}")
    try:
        time = int(fields[0])
        x, y, z = (float(field) for field in fields[1:])
    except ValueError as error:
        raise ReadingError(f"{text[:60]!r}: {error}") from error
    if not math.isfinite(x + y + z) or not MIN_TIME_US <= time <= MAX_TIME_US:
        raise ReadingError(f"{text[:60]!r}: times must be µs since the epoch (2001 to 2100), and values must be finite")
    return time, (x, y, z)


def read_recording(path: Path) -> list[Session]:
    """Read the sessions of a ``.csv`` or ``.parquet`` file.

    Parameters
    ----------
    path : Path
        A file with the columns t, x, y, z (one session), or with all of `COLUMNS`.

    Raises
    ------
    RecordingError
        If the file cannot be read, lacks a column, or has values that are not numbers.
    ModuleNotFoundError
        If it is Parquet and pyarrow is not installed.
    """
    readers = {".csv": _csv_columns, ".parquet": _parquet_columns}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise RecordingError(f"{path.name}: a recording must be a .csv or .parquet file")
    try:
        columns = reader(path)
    except (OSError, ValueError) as error:
        raise RecordingError(f"{path}: {error}") from error
    if set(COLUMNS) <= columns.keys():
        return [
            Session(f"{recording.person}/{recording.session}", recording.times, recording.axes)
            for recording in recordings_from_columns(columns)
        ]
    axes = acceleration(columns["x"], columns["y"], columns["z"])
    reject_broken(axes)
    return [Session("", event_times(columns["t"]), axes)]


def _csv_columns(path: Path) -> dict[str, NDArray[Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        table = csv.reader(file)
        header = [name.strip() for name in next(table, [])]
        require_columns(header, READING_COLUMNS)
        rows = [_checked(row, len(header), table.line_num) for row in table]
    texts = dict(zip(header, np.array(rows, str).reshape(-1, len(header)).T, strict=True))
    whole = all(text.lstrip("-").isdecimal() for text in texts["t"])
    numbers = {name: texts[name].astype(np.float64) for name in READING_COLUMNS[1:]}
    return texts | numbers | {"t": texts["t"].astype(np.int64 if whole else np.float64)}


def _checked(row: list[str], columns: int, line: int) -> list[str]:
    if len(row) != columns:
        raise ValueError(f"line {line} has {len(row)} fields; the header has {columns}")
    return row


def _parquet_columns(path: Path) -> dict[str, NDArray[Any]]:
    import pyarrow.parquet  # noqa: PLC0415 - only needed for Parquet files

    names = pyarrow.parquet.read_schema(path).names
    require_columns(names, READING_COLUMNS)
    columns = COLUMNS if set(COLUMNS) <= set(names) else READING_COLUMNS
    table = pyarrow.parquet.read_table(path, columns=list(columns))
    return {name: table[name].to_numpy() for name in columns}


def in_pieces(lines: Iterator[str], size: int) -> Iterator[list[str]]:
    """Yield lines in lists of up to `size`."""
    while piece := list(islice(lines, size)):
        yield piece
