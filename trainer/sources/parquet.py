"""Parquet: one file, or all files of a folder, in the project's columns; and how a source is written as one."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from har.recordings import NULL_LABEL, RecordingError, require_columns
from har.releases import TrainingData
from trainer.sources.data_sets import data_sets_of_devices
from trainer.sources.source import Source
from trainer.sources.table import PART_ROWS, SCHEMA, TEXT_COLUMNS, Part, make_part

#: A file states its provenance here: a list of `TrainingData` as JSON.
PROVENANCE_KEY = b"har.provenance"
#: And the sampling rate of its phones here, Hz, as text, if they all have the same.
RATE_KEY = b"har.rate_hz"


class ParquetSource(Source):
    """A Parquet file, or a folder of them, in the columns of `har.recordings.COLUMNS`; further ones are ignored.

    A file whose name begins with a dot or an underscore does not count, in a folder that holds others: programs name
    so what they have not finished. A session may go on in the next file of a folder.

    Each file of a folder states its own provenance, and the folder's is all of them. A session may lie in several
    files, so it is held to a rate only if all files state that rate; else `rate_hz` is None.

    Parameters
    ----------
    path : Path
        File or folder.

    Raises
    ------
    RecordingError
        If there is no file, or one is not Parquet or states what is no provenance or rate.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files = parquet_files(path)
        self._provenance: dict[Path, list[TrainingData]] = {}
        rates: set[float | None] = set()
        for file in self._files:
            metadata = read_schema(file).metadata or {}
            self._provenance[file] = _stated_provenance(file, metadata)
            rates.add(_stated_rate(file, metadata))
        self.rate_hz = rates.pop() if len(rates) == 1 else None

    def parts(self) -> Iterator[Part]:
        """Read the files in the order of their names."""
        for file in self._files:
            yield from _read_file(file)

    def provenance(self) -> list[TrainingData]:
        """Return what the files state of themselves, and what is known of the devices in those that state nothing."""
        stated = [data for file in self._files for data in self._provenance[file]]
        devices: set[str] = set()
        for file in self._files:
            if self._provenance[file]:
                continue
            _require_columns(file)
            for batch in read_batches(file, ["device"]):
                devices.update(map(str, batch["device"].unique().to_pylist()))
        return list(dict.fromkeys([*stated, *data_sets_of_devices(devices)]))


def parquet_files(path: Path) -> list[Path]:
    """Return the Parquet files of a folder and the folders in it, sorted; or the file itself.

    Raises
    ------
    RecordingError
        If there is none.
    """
    if path.is_file():
        return [path]
    found = sorted(file for file in path.rglob("*.parquet") if not _is_unfinished(file.relative_to(path)))
    if not found:
        what = "holds no .parquet file" if path.is_dir() else "cannot be read: there is no such file or folder"
        raise RecordingError(f"{path} {what}")
    return found


def read_schema(file: Path) -> pa.Schema:
    """Read the columns' names and types, and what the file says of itself.

    Raises
    ------
    RecordingError
        If it is not Parquet.
    """
    try:
        return pq.read_schema(file)
    except (OSError, pa.ArrowException) as error:
        raise RecordingError(f"{file} cannot be read as a Parquet table: {error}") from error


def read_batches(file: Path, columns: list[str], row_groups: Sequence[int] | None = None) -> Iterator[pa.Table]:
    """Read some columns of a file, or of some of its row groups, at most `PART_ROWS` rows at a time; texts are coded.

    Raises
    ------
    RecordingError
        If the file is damaged.
    """
    coded = [name for name in columns if name in TEXT_COLUMNS]
    try:
        with pq.ParquetFile(file, read_dictionary=coded, memory_map=True) as opened:
            for batch in opened.iter_batches(PART_ROWS, None if row_groups is None else list(row_groups), columns):
                yield pa.Table.from_batches([batch])
    except (OSError, pa.ArrowException) as error:
        raise RecordingError(f"{file} cannot be read as a Parquet table: {error}") from error


def write_parquet(
    source: Source, target: Path, *, keep_null: bool = True, report: Callable[[int], None] = lambda _rows: None
) -> int:
    """Write a source as one Parquet file that states its provenance; all of it or nothing.

    Parameters
    ----------
    source : Source
        What is written.
    target : Path
        The file; replaced if it exists.
    keep_null : bool
        Whether readings without an activity are written, too.
    report : callable
        Called after each part with the number of rows so far.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    RecordingError
        If the source cannot be read, or has no rows.
    OSError
        If the file cannot be written.
    """
    metadata = {PROVENANCE_KEY: msgspec.json.encode(source.provenance())}
    if source.rate_hz is not None:
        metadata[RATE_KEY] = f"{source.rate_hz:g}".encode()
    rows = 0
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with pq.ParquetWriter(file, SCHEMA.with_metadata(metadata), compression="zstd") as writer:
                for part in source.parts():
                    kept = part if keep_null else part.without(NULL_LABEL)
                    writer.write_table(kept.table.replace_schema_metadata(metadata))
                    rows += len(kept)
                    report(rows)
            file.flush()
            os.fsync(file.fileno())
        if not rows:
            raise RecordingError(f"{source.path} has no rows")
        unfinished.chmod(0o644)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return rows


def _require_columns(file: Path) -> None:
    names = read_schema(file).names
    try:
        require_columns(names)
    except RecordingError as error:
        raise RecordingError(f"{file}: {error}") from error


def _read_file(file: Path) -> Iterator[Part]:
    _require_columns(file)
    first_row = 0
    for batch in read_batches(file, list(SCHEMA.names)):
        yield make_part(batch, file, first_row)
        first_row += batch.num_rows
    if not first_row:
        raise RecordingError(f"{file} has no rows")


def _is_unfinished(file: Path) -> bool:
    return any(part.startswith((".", "_")) for part in file.parts)


def _stated_provenance(file: Path, metadata: dict[bytes, bytes]) -> list[TrainingData]:
    try:
        return msgspec.json.decode(metadata.get(PROVENANCE_KEY, b"[]"), type=list[TrainingData])
    except msgspec.DecodeError as error:
        raise RecordingError(f"{file}: {PROVENANCE_KEY.decode()} is not as it should be: {error}") from error


def _stated_rate(file: Path, metadata: dict[bytes, bytes]) -> float | None:
    stated = metadata.get(RATE_KEY)
    try:
        return None if stated is None else float(stated)
    except ValueError as error:
        raise RecordingError(f"{file}: {RATE_KEY.decode()} is no number: {error}") from error
