"""Read the rows of a text table, block by block, as parts in the project's columns."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv

from har.activity_names import NULL_LABEL
from har.recordings import RecordingError
from recording_files.column_times import column_times
from recording_files.layout import Layout, TimeUnit
from recording_files.row_streams import NO_NUMBER, opened_rows, pieces_of_rows
from recording_files.stored_files import DAMAGED
from recording_files.table import TEXT_COLUMNS, Part, constant_texts, make_part, make_table
from recording_files.text_form import TextForm
from recording_files.times_of_day import Days

#: Bytes read at a time. They are fewer than `PART_ROWS` rows, as no row is shorter than 8 bytes.
BLOCK_BYTES = 4 << 20
#: Names of sessions, users … of tables that state none.
DEFAULT_TEXTS = {"user": "", "device": "phone", "model": "unknown", "session": "", "gt": NULL_LABEL}
#: Longest text of another program's error that is shown: it may hold the row.
_MOST_SHOWN = 300
#: Arrow's error for a cell that is no number. It numbers the columns of the file from 0.
_NO_NUMBER = re.compile(r"In CSV column #(?P<column>\d+): Row #(?P<row>\d+): .* invalid value (?P<value>'.*')")
_ROW = re.compile(r"\bRow #(\d+)")
_TEXT = pa.dictionary(pa.int32(), pa.string())


@dataclass
class LeftOut:
    """How many rows of a table were left out.

    Attributes
    ----------
    cut : int
        Last rows that were cut off.
    incomplete : int
        Rows with missing or additional cells, of a format that is known for them.
    """

    cut: int = 0
    incomplete: int = 0

    def clear(self) -> None:
        """Set the numbers to zero."""
        self.cut = self.incomplete = 0

    def describe(self) -> str:
        """Return what was left out; empty if nothing was."""
        found = [
            f"{self.incomplete:,} incomplete row{'s' if self.incomplete > 1 else ''}" if self.incomplete else "",
            "the last row, which is cut off" if self.cut else "",
        ]
        return ", ".join(filter(None, found))


def read_text(
    opened: IO[bytes],
    place: Path,
    form: TextForm,
    layout: Layout,
    first_row: int = 0,
    *,
    left_out: LeftOut | None = None,
) -> Iterator[Part]:
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
    left_out : LeftOut, optional
        Counts the rows that are left out.

    Yields
    ------
    Part
        Blocks of rows in their order.

    Raises
    ------
    RecordingError
        If a row cannot be read. The message names the file and the row.
    """
    tables = _tables(opened, place, form, layout, left_out or LeftOut())
    yield from project_parts(tables, layout, place, first_row)


def _tables(opened: IO[bytes], place: Path, form: TextForm, layout: Layout, left_out: LeftOut) -> Iterator[pa.Table]:
    rows, whole = opened_rows(opened, form, layout)
    lines, skipped = 0, form.skipped_lines
    try:
        for content in pieces_of_rows(rows, form, BLOCK_BYTES):
            if not content.strip():
                continue
            incomplete = left_out.incomplete
            table = _table(content, skipped, form, layout, left_out)
            yield table
            lines += skipped + table.num_rows + left_out.incomplete - incomplete
            skipped = 0
    except RecordingError as error:
        raise RecordingError(f"{place}: {error}") from error
    except (*DAMAGED, pa.ArrowException, UnicodeDecodeError) as error:
        raise RecordingError(
            f"{place} cannot be read as a table of {layout.format}: {_explained(error, form, lines)}"
        ) from error
    left_out.cut += whole.cut


def _table(content: bytes, skipped: int, form: TextForm, layout: Layout, left_out: LeftOut) -> pa.Table:
    """Read rows, of which the first few lines are skipped."""
    # Arrow reads ahead in a thread. It must not hold objects of Python, as it would abort an interpreter that ends.
    memory = pa.allocate_buffer(len(content))
    memoryview(memory).cast("B")[:] = content

    def faulty(_: pyarrow.csv.InvalidRow) -> Literal["skip", "error"]:
        left_out.incomplete += 1
        return "skip"

    return pyarrow.csv.read_csv(
        cast(IO[bytes], pa.BufferReader(memory)),
        # Errors only contain the row if no threads are used.
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False, block_size=len(content), column_names=form.unique_names, skip_rows=skipped
        ),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=form.delimiter,
            newlines_in_values=form.has_line_breaks,
            invalid_row_handler=faulty if layout.has_incomplete_rows else None,
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=layout.columns,
            column_types=_kinds(layout),
            strings_can_be_null=False,
            null_values=list(NO_NUMBER),
            decimal_point=form.decimal,
        ),
    )


def _kinds(layout: Layout) -> dict[str, pa.DataType]:
    numbers = {*layout.axes, *(layout.gravity or ())}
    kinds: dict[str, pa.DataType] = dict.fromkeys(layout.texts.values(), _TEXT) | dict.fromkeys(numbers, pa.float64())
    if layout.time:
        kinds[layout.time.name] = pa.string()  # as text, because a float64 lacks the digits of ns since 1970
    return kinds


def _explained(error: Exception, form: TextForm, lines: int) -> str:
    """Return an error of Arrow's in words.

    Parameters
    ----------
    error : Exception
        The error.
    form : TextForm
        How the table is written.
    lines : int
        Number of lines before those that Arrow read. It counts them from 1, like an editor.
    """
    text = _ROW.sub(lambda found: f"Row #{int(found[1]) + lines}", one_line(error))
    if "invalid UTF8" in text or isinstance(error, UnicodeDecodeError):
        return f"it is not in the encoding {form.encoding}: state it with --encoding ({text})"
    if "Expected" in text and str(error).count('"') % 2:
        return f"{text} (a line break in a cell, within quotes, is only read if one of the first rows has one, too)"
    if cell := _NO_NUMBER.fullmatch(text):
        row = int(cell["row"]) - 1 - form.skipped_lines
        return f"{form.unique_names[int(cell['column'])]} {cell['value']} is not a number, row {row}"
    return text


def one_line(error: object) -> str:
    """Return the text of an error in one line that is not too long to read."""
    text = " ".join(str(error).split())
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]} …"


def project_parts(tables: Iterable[pa.Table], layout: Layout, place: Path, first_row: int = 0) -> Iterator[Part]:
    """Convert the rows of a table to parts in the project's columns.

    Parameters
    ----------
    tables : iterable of pyarrow.Table
        Its rows, block by block, in the columns that `layout` names: axes as float64, texts as dictionaries; times as
        text, numbers, timestamps or times of day, which go on after midnight.
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
    days = Days() if layout.time and layout.time.unit is TimeUnit.CLOCK else None
    for table in tables:
        try:
            columns = _project_columns(table, layout, place, first_row)
            if days:
                times = pa.array(days.add(columns["t"].to_numpy()))
                columns = columns.set_column(columns.column_names.index("t"), "t", times)
            yield make_part(columns, place, first_row)
        except pa.ArrowException as error:
            raise RecordingError(f"{place}: {one_line(error)}") from error
        first_row += table.num_rows


def _project_columns(table: pa.Table, layout: Layout, place: Path, first_row: int) -> pa.Table:
    count = table.num_rows
    texts = DEFAULT_TEXTS | {"session": place.stem, "user": place.stem} | layout.constants
    columns: dict[str, Any] = {name: constant_texts(texts[name], count) for name in TEXT_COLUMNS}
    columns |= {name: table[column] for name, column in layout.texts.items()}
    if layout.labels:
        columns["gt"] = _named(columns["gt"], layout.labels)
    columns["t"] = pa.array(column_times(table, layout, first_row, place))
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
