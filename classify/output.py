"""Write answers as a table: CSV, TSV, Parquet or JSON lines, as the name of the file says."""

import csv
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from classify.answers import Answer
from har.process.whole_files import naming, part_of
from har.time_units import MICROSECONDS, as_date

#: Rows of a Parquet file that are written at a time.
_ROWS = 16_384
STANDARD_OUTPUT = Path("-")
#: Decimals of the probabilities in a text. A float32 has no more.
_DECIMALS = 7

#: A row by the names of its columns, and what writes one.
Row = dict[str, object]
WriteRow = Callable[[Row], object]


@contextmanager
def opened_table(path: Path, classes: Sequence[str]) -> Iterator[Callable[[Answer], object]]:
    """Open a table of answers; it appears complete or not at all.

    Parameters
    ----------
    path : Path
        The file: ``.csv``, ``.tsv``, ``.parquet``, or ``.jsonl``/``.ndjson``. ``-`` is CSV on the standard output.
    classes : sequence of str
        The release's classes; each has a column ``p_CLASS`` with its probability.

    Yields
    ------
    callable
        Writes one answer.

    Raises
    ------
    ValueError
        If the suffix is none of these.
    OSError
        If the file cannot be written.
    """
    if path == STANDARD_OUTPUT:
        if sys.stdout is None:
            raise OSError("the standard output is closed: there is nowhere to write the table to")
        write = _csv_rows(sys.stdout, classes)
        yield lambda answer: write(row_of(answer))
        return
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise ValueError(f"{path}: the name must end with {', '.join(_KINDS)}")
    part = part_of(path)
    try:
        with naming(path), kind(part, classes) as write:
            yield lambda answer: write(row_of(answer))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def row_of(answer: Answer) -> Row:
    """Return an answer as a row: where, who, when, what, how sure, and each class's probability.

    Its columns are those of `columns`, in the same order.
    """
    session, prediction = answer
    return {
        "file": str(session.file),
        "user": session.user,
        "device": session.device,
        "session": session.session,
        "start": start_text(prediction.start, session.begin),
        "start_us": prediction.start,
        "activity": prediction.activity,
        "confidence": prediction.confidence,
        "reason": prediction.reason or "",
        "kind": prediction.kind or "",
        "lean": None if prediction.lean is None else math.degrees(math.acos(prediction.lean)),
        **{f"p_{name}": probability for name, probability in prediction.probabilities.items()},
    }


def start_text(start_us: int, begin_us: int = 0) -> str:
    """Return a time as ISO 8601 if the clock counts from the epoch, else as seconds from the session's beginning.

    Examples
    --------
    >>> start_text(1_777_636_800_020_000), start_text(5_000_000, 1_000_000)
    ('2026-05-01T12:00:00.020000Z', '4.000000')
    """
    date = as_date(start_us)
    if date is None:
        return f"{(start_us - begin_us) / MICROSECONDS:.6f}"
    return f"{date.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def columns(classes: Sequence[str]) -> list[str]:
    """Return the names of the columns in their order."""
    place = ["file", "user", "device", "session", "start", "start_us"]
    return [*place, "activity", "confidence", "reason", "kind", "lean", *(f"p_{name}" for name in classes)]


@contextmanager
def _csv_file(path: Path, classes: Sequence[str], delimiter: str = ",") -> Iterator[WriteRow]:
    with path.open("w", encoding="utf-8", newline="") as file:
        yield _csv_rows(file, classes, delimiter)


def _csv_rows(file: IO[str], classes: Sequence[str], delimiter: str = ",") -> WriteRow:
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns(classes))
    return lambda row: writer.writerow(_rounded(row).values())


@contextmanager
def _json_lines(path: Path, _: Sequence[str]) -> Iterator[WriteRow]:
    with path.open("w", encoding="utf-8") as file:
        yield lambda row: file.write(json.dumps(_rounded(row), ensure_ascii=False) + "\n")


def _rounded(row: Row) -> Row:
    return {name: round(value, _DECIMALS) if isinstance(value, float) else value for name, value in row.items()}


@contextmanager
def _parquet(path: Path, classes: Sequence[str]) -> Iterator[WriteRow]:
    kinds: dict[str, pa.DataType] = dict.fromkeys(columns(classes), pa.string())
    kinds |= {"start_us": pa.int64(), "confidence": pa.float64(), "lean": pa.float64()}
    kinds |= {f"p_{name}": pa.float64() for name in classes}
    schema, rows = pa.schema(list(kinds.items())), list[Row]()
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:

        def write(row: Row) -> None:
            rows.append(row)
            if len(rows) >= _ROWS:
                writer.write_table(pa.Table.from_pylist(rows, schema))
                rows.clear()

        yield write
        writer.write_table(pa.Table.from_pylist(rows, schema))


_KINDS: dict[str, Callable[[Path, Sequence[str]], AbstractContextManager[WriteRow]]] = {
    ".csv": _csv_file,
    ".tsv": partial(_csv_file, delimiter="\t"),
    ".parquet": _parquet,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}
