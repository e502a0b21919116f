"""How a data set is cut into ranges that executors read by themselves, with the readers that one process uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from har.hhar import Clock
from har.recordings import COLUMNS, RecordingError
from trainer.sources.collected import CollectedSource
from trainer.sources.finding import find_source
from trainer.sources.hhar import HharSource, clock_of, read_table
from trainer.sources.parquet import ParquetSource, parquet_files, read_batches
from trainer.sources.source import Source
from trainer.sources.table import Part, make_part

#: Bytes of a CSV an executor reads at a time.
RANGE_BYTES = 32 << 20


class FileRange(msgspec.Struct, frozen=True):
    """A part of a data set.

    Attributes
    ----------
    source : str
        The data set's path.
    rate_hz : float or None
        The sampling rate it is said to have.
    file : str
        The file; empty if the data set can only be read as a whole.
    begin, end : int
        Bytes of a CSV from which rows begin, or row groups of a Parquet file.
    clock : str
        Which clock counts in HHAR's table.
    samples : tuple of str
        Files of readings of collected data; all labels belong to each.
    """

    source: str
    rate_hz: float | None = None
    file: str = ""
    begin: int = 0
    end: int = 0
    clock: str = ""
    samples: tuple[str, ...] = ()


def ranges_of(source: Source, range_bytes: int = RANGE_BYTES) -> list[FileRange]:
    """Cut a data set into ranges; one that has to be unpacked is a single one.

    Parameters
    ----------
    source : Source
        The data set.
    range_bytes : int
        Length of the ranges of a CSV, whose rows may be longer; and from how many bytes on a range of collected data
        takes no further file.

    Raises
    ------
    RecordingError
        If a Parquet file cannot be read or has no rows.
    """
    whole = FileRange(str(source.path.absolute()), source.rate_hz)
    if isinstance(source, ParquetSource):
        return [
            msgspec.structs.replace(whole, file=str(file.absolute()), begin=group, end=group + 1)
            for file in parquet_files(source.path)
            for group in range(_row_groups(file))
        ]
    if isinstance(source, HharSource) and source.path.suffix.lower() == ".csv":
        size = source.path.stat().st_size
        with source.path.open("rb") as opened:
            clock = clock_of(opened, source.path)
        return [
            msgspec.structs.replace(
                whole,
                file=whole.source,
                begin=begin,
                end=min(begin + range_bytes, size),
                clock=clock.value,
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
        If it cannot be read; row numbers count from the range's beginning.
    """
    if found.samples:
        yield from CollectedSource(Path(found.source)).parts_of([Path(file) for file in found.samples])
    elif not found.file:
        yield from find_source(found.source, rate_hz=found.rate_hz).parts()
    elif found.clock:
        file = Path(found.file)
        lines = _lines(file, found.begin, found.end)
        yield from read_table(lines, file, Clock(found.clock))
    else:
        file = Path(found.file)
        groups = range(found.begin, found.end)
        for table in read_batches(file, list(COLUMNS), row_groups=groups):
            yield make_part(table, file)


def _row_groups(file: Path) -> int:
    try:
        metadata = pq.read_metadata(file)
    except (OSError, pa.ArrowException) as error:
        raise RecordingError(f"{file} cannot be read as a Parquet table: {error}") from error
    if not metadata.num_rows:
        raise RecordingError(f"{file} has no rows")
    return int(metadata.num_row_groups)


def _bundles(files: Iterable[Path], size: int) -> Iterator[list[Path]]:
    """Put files together until they are large enough: each bundle reads all labels once more."""
    bundle: list[Path] = []
    held = 0
    for file in files:
        bundle.append(file)
        held += file.stat().st_size
        if held >= size:
            yield bundle
            bundle, held = [], 0
    if bundle:
        yield bundle


def _lines(file: Path, begin: int, end: int) -> BytesIO:
    """Return the header and the lines whose first byte lies in a range."""
    with file.open("rb") as opened:
        header = opened.readline()
        opened.seek(max(begin, len(header)) - 1)
        opened.readline()  # the end of the line before
        here = opened.tell()
        content = opened.read(end - here) if here < end else b""
        if content and not content.endswith(b"\n"):
            content += opened.readline()
    return BytesIO(header + content)
