"""Parquet files with columns of any names and units: they are recognised as those of a text table are."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from har.recordings import RecordingError
from recording_files.column_options import ColumnOptions
from recording_files.layout import Layout
from recording_files.recognition import recognised
from recording_files.table import Part, make_table
from recording_files.table_head import TableHead, text_of
from recording_files.text_form import TextForm
from recording_files.text_reading import one_line, project_parts

#: Rows that a file's columns are recognised by.
_HEAD_ROWS = 2_000


def layout_of_parquet(file: Path, names: list[str], options: ColumnOptions) -> Layout:
    """Return the layout of a file.

    Parameters
    ----------
    file : Path
        The file.
    names : list of str
        Its columns.
    options : ColumnOptions
        What the person stated about them.

    Raises
    ------
    RecordingError
        If it cannot be read, has no rows or is not understood. See `recording_files.recognition.recognised`.
    """
    form = TextForm("utf-8", ",", ".", tuple(names), skipped_lines=0, has_header=True)
    try:
        with pq.ParquetFile(file) as opened:
            batch = next(opened.iter_batches(_HEAD_ROWS), None)
    except (OSError, pa.ArrowException) as error:
        raise RecordingError(f"{file} cannot be read as a Parquet table: {one_line(error)}") from error
    if batch is None or not batch.num_rows:
        raise RecordingError(f"{file} has no rows")
    rows = [
        [text_of(value) for value in row] for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)
    ]
    layout = recognised(TableHead(file, form, rows), options)
    repeated = sorted({name for name in names if names.count(name) > 1 and name in layout.columns})
    if repeated:
        raise RecordingError(f"{file} has several columns named {', '.join(repeated)}: rename or remove all but one")
    return layout


def parts_of_parquet(batches: Iterable[pa.Table], layout: Layout, file: Path) -> Iterator[Part]:
    """Convert rows of a file.

    Parameters
    ----------
    batches : iterable of pyarrow.Table
        The columns that `layout` names, batch by batch.
    layout : Layout
        What they are.
    file : Path
        The file.

    Raises
    ------
    RecordingError
        If a column has the wrong kind of values, or a time is missing.
    """
    return project_parts((_readable(batch, layout, file) for batch in batches), layout, file)


def _readable(batch: pa.Table, layout: Layout, file: Path) -> pa.Table:
    return make_table({name: _converted(batch[name], name, layout, file) for name in layout.columns})


def _converted(column: "pa.ChunkedArray[Any]", name: str, layout: Layout, file: Path) -> "pa.ChunkedArray[Any]":
    try:
        if name in (*layout.axes, *(layout.gravity or ())):
            return column.cast(pa.float64())
        if name in layout.texts.values():
            texts: pa.ChunkedArray[Any] = pc.fill_null(column.cast(pa.string()), cast(Any, ""))
            return texts.dictionary_encode()
    except pa.ArrowException as error:
        raise RecordingError(f"{file}: the column {name} cannot be read: {one_line(error)}") from error
    return column
