"""Split a data set into ranges that executors read independently, with the same readers as in one process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from har.recordings import RecordingError
from recording_files.column_options import NOTHING_STATED, ColumnOptions
from recording_files.finding import find_source
from recording_files.formats.collected import CollectedSource
from recording_files.formats.parquet import ParquetSource, read_parquet
from recording_files.formats.text_tables import TextSource
from recording_files.layout import Layout
from recording_files.source import Source
from recording_files.table import Part
from recording_files.text_form import TextForm
from recording_files.text_reading import read_text

#: Default length of a range of a CSV, bytes.
RANGE_BYTES = 32 << 20


class FileRange(msgspec.Struct, frozen=True):
    """A range of a data set.

    Attributes
    ----------
    source : str
        Path of the data set.
    options : ColumnOptions
        What the person stated about its columns.
    file : str
        Path of the file; empty if the data set can only be read as a whole.
    begin, end : int
        Range of a CSV, bytes (rows that begin in it belong to it), or of a Parquet file, row groups.
    form : TextForm or None
        How a text table is written; None for other data.
    layout : Layout or None
        What its columns are.
    samples : tuple of str
        Files with readings of collected data. They are joined with all labels.
    """

    source: str
    options: ColumnOptions = NOTHING_STATED
    file: str = ""
    begin: int = 0
    end: int = 0
    form: TextForm | None = None
    layout: Layout | None = None
    samples: tuple[str, ...] = ()


def ranges_of(source: Source, range_bytes: int = RANGE_BYTES) -> list[FileRange]:
    """Split a data set into ranges. An archive is a single range.

    Parameters
    ----------
    source : Source
        The data set.
    range_bytes : int
        Length of the ranges of a CSV, bytes. For collected data, files are combined until a range has this size.

    Raises
    ------
    RecordingError
        If a Parquet file cannot be read or has no rows.
    """
    whole = FileRange(str(source.path.absolute()), source.options)
    if isinstance(source, ParquetSource):
        return [found for file, layout in source.layouts.items() for found in _row_groups(whole, file, layout)]
    if isinstance(source, TextSource) and (table := source.plain_table()):
        form, layout = table
        if layout.rows_stand_alone:
            size = source.path.stat().st_size
            return [
                msgspec.structs.replace(
                    whole,
                    file=whole.source,
                    begin=begin,
                    end=min(begin + range_bytes, size),
                    form=form,
                    layout=layout,
                )
                for begin in range(0, size, range_bytes)
            ]
    if isinstance(source, CollectedSource):
        return [
            msgspec.structs.replace(whole, samples=tuple(str(file.absolute()) for file in files))
            for files in _bundles(source.sample_files(), range_bytes)
        ]
    return [whole]


def read_range(found: FileRange) -> Iterator[Part]:
    """Read a range.

    Raises
    ------
    RecordingError
        If it cannot be read. Row numbers are relative to the range.
    """
    if found.samples:
        yield from CollectedSource(Path(found.source)).parts_of([Path(file) for file in found.samples])
    elif not found.file:
        yield from find_source(found.source, options=found.options).parts()
    elif found.form is not None and found.layout is not None:
        file = Path(found.file)
        lines = _lines(file, found.form.skipped_lines, found.begin, found.end)
        yield from read_text(lines, file, found.form, found.layout)
    else:
        file = Path(found.file)
        groups = range(found.begin, found.end)
        yield from read_parquet(file, found.layout, groups)


def _row_groups(whole: FileRange, file: Path, layout: Layout | None) -> list[FileRange]:
    try:
        metadata = pq.read_metadata(file)
    except (OSError, pa.ArrowException) as error:
        raise RecordingError(f"{file} cannot be read as a Parquet table: {error}") from error
    if not metadata.num_rows:
        raise RecordingError(f"{file} has no rows")
    groups = int(metadata.num_row_groups)
    together = 1 if layout is None or layout.rows_stand_alone else groups
    return [
        msgspec.structs.replace(
            whole, file=str(file.absolute()), begin=first, end=min(first + together, groups), layout=layout
        )
        for first in range(0, groups, together)
    ]


def _bundles(files: Iterable[Path], size: int) -> Iterator[list[Path]]:
    """Combine files up to a size, as each bundle reads all labels again."""
    bundle: list[Path] = []
    total = 0
    for file in files:
        bundle.append(file)
        total += file.stat().st_size
        if total >= size:
            yield bundle
            bundle, total = [], 0
    if bundle:
        yield bundle


def _lines(file: Path, skipped: int, begin: int, end: int) -> BytesIO:
    """Return the lines before the first row, and the lines whose first byte lies in a range."""
    with file.open("rb") as opened:
        before = b"".join(opened.readline() for _ in range(skipped))
        at = max(begin, len(before))
        opened.seek(max(at - 1, 0))
        if at > len(before):
            opened.readline()  # skip the rest of the previous line
        else:
            opened.seek(at)
        first = opened.tell()
        content = opened.read(end - first) if first < end else b""
        if content and not content.endswith(b"\n"):
            content += opened.readline()
    return BytesIO(before + content)
