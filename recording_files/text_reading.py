"""Read the rows of a text table, block by block, as parts in the project's columns."""

from collections.abc import Iterator
from io import RawIOBase
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from har.activity_names import NULL_LABEL
from har.recordings import RecordingError
from har.time_units import MICROSECONDS
from recording_files.layout import Layout, TimeColumn, TimeUnit
from recording_files.stored_files import DAMAGED
from recording_files.table import TEXT_COLUMNS, Part, constant_texts, make_part, make_table
from recording_files.text_form import TextForm

#: Bytes read at a time. These are fewer than `PART_ROWS` rows, as no row is shorter than 32 bytes.
BLOCK_BYTES = 32 << 20
#: Names of sessions, users … of tables that state none.
DEFAULT_TEXTS = {"user": "", "device": "phone", "model": "unknown", "session": "", "gt": NULL_LABEL}
_TEXT = pa.dictionary(pa.int32(), pa.string())
_NO_NUMBER = ("", "null", "NULL", "NaN", "nan", "NA", "None", "-")
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
_WHOLE_NUMBER = r"^\s*[+-]?\d+\s*$"


class RowEnds(RawIOBase):
    """A table whose rows end with a sign beside the end of the line, as one whose rows end with their lines.

    Parameters
    ----------
    opened : binary file
        The table.
    row_end : bytes
        The sign.
    """

    def __init__(self, opened: IO[bytes], row_end: bytes) -> None:
        super().__init__()
        self._opened = opened
        self._row_end = row_end

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes. An empty cell before the sign is removed, too."""
        content = self._opened.read(size)
        while content.endswith(b",") and (more := self._opened.read(1)):
            content += more
        return content.replace(b"," + self._row_end, self._row_end).replace(self._row_end, b"\n")


def read_text(opened: IO[bytes], place: Path, form: TextForm, layout: Layout, first_row: int = 0) -> Iterator[Part]:
    """Read a table.

    Parameters
    ----------
    opened : binary file
        The table, from its beginning.
    place : Path
        Its path, for error messages and for the names of what the table does not name.
    form : TextForm
        How it is written.
    layout : Layout
        What its columns are.
    first_row : int
        Number of the first row, from 0, without the header.

    Yields
    ------
    Part
        Blocks of rows in their order.

    Raises
    ------
    RecordingError
        If a row cannot be read. The message names the file and the row.
    """
    for table in _blocks(opened, place, form, layout):
        try:
            yield make_part(project_columns(table, layout, place, first_row), place, first_row)
        except pa.ArrowException as error:
            raise RecordingError(f"{place}: {error}") from error
        first_row += table.num_rows


def _blocks(opened: IO[bytes], place: Path, form: TextForm, layout: Layout) -> Iterator[pa.Table]:
    numbers = {*layout.axes, *(layout.gravity or ())}
    kinds: dict[str, pa.DataType] = dict.fromkeys(layout.texts.values(), _TEXT) | dict.fromkeys(numbers, pa.float64())
    if layout.time:
        kinds[layout.time.name] = pa.string()  # as text, because a float64 lacks the digits of ns since 1970
    try:
        reader = pyarrow.csv.open_csv(
            cast(IO[bytes], RowEnds(opened, form.row_end.encode())) if form.row_end else opened,
            # Errors only contain the row if no threads are used.
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False,
                block_size=BLOCK_BYTES,
                column_names=form.unique_names,
                skip_rows=form.skipped_lines,
                encoding="utf-8" if form.encoding == "utf-8-sig" else form.encoding,
            ),
            parse_options=pyarrow.csv.ParseOptions(delimiter=form.delimiter),
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=layout.columns,
                column_types=kinds,
                strings_can_be_null=False,
                null_values=list(_NO_NUMBER),
                decimal_point=form.decimal,
            ),
        )
        for batch in reader:
            if batch.num_rows:
                yield pa.Table.from_batches([batch])
    except (*DAMAGED, pa.ArrowException) as error:
        # Arrow counts rows from 1 including the header, like the line numbers of an editor.
        raise RecordingError(f"{place} cannot be read as a table of {layout.format}: {error}") from error


def project_columns(table: pa.Table, layout: Layout, place: Path, first_row: int) -> pa.Table:
    """Convert the columns of a table to the project's.

    Parameters
    ----------
    table : pyarrow.Table
        The columns that `layout` names: axes as float64, texts as dictionaries; times as text, numbers or timestamps.
    layout : Layout
        What they are.
    place : Path
        The table, for error messages and for the names of what the table does not name.
    first_row : int
        Number of the first row in the whole table, from 0.

    Raises
    ------
    RecordingError
        If a time is missing or cannot be read.
    """
    count = table.num_rows
    texts = DEFAULT_TEXTS | {"session": place.stem, "user": place.stem} | layout.constants
    columns: dict[str, Any] = {name: constant_texts(texts[name], count) for name in TEXT_COLUMNS}
    columns |= {name: table[column] for name, column in layout.texts.items()}
    if layout.labels:
        columns["gt"] = _named(columns["gt"], layout.labels)
    columns["t"] = pa.array(_times(table, layout, first_row, place))
    axes = np.stack([table[name].to_numpy() for name in layout.axes], axis=1)
    if layout.gravity:
        axes = axes + np.stack([table[name].to_numpy() for name in layout.gravity], axis=1)
    axes = (axes * layout.scale).astype(np.float32)
    columns |= {name: pa.array(axes[:, number]) for number, name in enumerate("xyz")}
    return make_table(columns)


def _named(codes: "pa.ChunkedArray[Any]", labels: dict[str, str]) -> "pa.DictionaryArray[Any, Any]":
    whole = cast("pa.DictionaryArray[Any, Any]", codes.unify_dictionaries().combine_chunks())
    names = [labels.get(str(code), str(code)) for code in whole.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(whole.indices, pa.array(names, pa.string()))


def _times(table: pa.Table, layout: Layout, first_row: int, place: Path) -> NDArray[np.int64]:
    if layout.time is None:
        assert layout.rate_hz is not None
        rows = np.arange(first_row, first_row + table.num_rows)
        return cast(NDArray[np.int64], np.round(rows * (MICROSECONDS / layout.rate_hz)).astype(np.int64))
    return _parsed(table[layout.time.name], layout.time, first_row, place)


def _parsed(texts: "pa.ChunkedArray[Any]", time: TimeColumn, first_row: int, place: Path) -> NDArray[np.int64]:
    unit = time.unit
    if not pa.types.is_string(texts.type):
        return _converted(texts, time, first_row, place)
    try:
        if unit is TimeUnit.DATE:
            dates = texts.cast(pa.timestamp("us", "UTC" if _states_zone(texts) else None))
            return np.asarray(dates.cast(pa.int64()).to_numpy())
        if time.is_whole:
            return _in_microseconds(texts.cast(pa.int64()).to_numpy(), unit)
        return _in_microseconds(pc.replace_substring(texts, ",", ".").cast(pa.float64()).to_numpy(), unit)
    except pa.ArrowInvalid as error:
        raise RecordingError(f"{place}: {_first_wrong(texts, time, first_row)}") from error


def _converted(times: "pa.ChunkedArray[Any]", time: TimeColumn, first_row: int, place: Path) -> NDArray[np.int64]:
    """Convert numbers or timestamps to µs."""
    if times.null_count:
        row = first_row + int(pc.index(times.is_null(), True).as_py())
        raise RecordingError(f"{place}: {times.null_count} row(s) have no {time.name}, first row {row}")
    if pa.types.is_timestamp(times.type):
        in_us = times.cast(pa.timestamp("us", times.type.tz), safe=False)
        return np.asarray(in_us.cast(pa.int64()).to_numpy())
    return _in_microseconds(times.to_numpy(), time.unit)


def _in_microseconds(numbers: NDArray[Any], unit: TimeUnit) -> NDArray[np.int64]:
    if np.issubdtype(numbers.dtype, np.integer):
        more = unit.per_second // MICROSECONDS
        return np.asarray(numbers // more if more else numbers * (MICROSECONDS // unit.per_second), np.int64)
    return cast(NDArray[np.int64], np.round(numbers * (MICROSECONDS / unit.per_second)).astype(np.int64))


def _states_zone(texts: "pa.ChunkedArray[Any]") -> bool:
    return bool(pc.match_substring_regex(texts[0], r"(Z|[+-]\d\d:?\d\d)$").as_py())


def _first_wrong(texts: "pa.ChunkedArray[Any]", time: TimeColumn, first_row: int) -> str:
    if time.unit is TimeUnit.DATE:
        return f"{time.name} has a value that is no date such as 2026-05-01 12:00:00.020, or a date without a zone"
    plain = pc.replace_substring(texts, ",", ".")
    wrong = pc.invert(pc.match_substring_regex(plain, _WHOLE_NUMBER if time.is_whole else _NUMBER))
    row = int(pc.index(wrong, True).as_py())
    if row < 0:
        return f"{time.name} has a number that does not fit into 64 bits"
    what = "a whole number like the first ones" if time.is_whole else "a number"
    return f"{time.name} {texts[row].as_py()!r} is not {what}, row {first_row + row}"
