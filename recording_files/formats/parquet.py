"""Read Parquet files in the project's columns, and write a source as a Parquet file."""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from har.activity_names import NULL_LABEL, listed
from har.recordings import RecordingError
from har.releases import TrainingData
from har.samples import UNDECODABLE
from recording_files.column_options import NOTHING_STATED, ColumnOptions
from recording_files.data_sets import data_sets_of_devices
from recording_files.formats.parquet_layout import layout_of_parquet, parts_of_parquet
from recording_files.layout import Layout, differences
from recording_files.names_by_place import names_by_place
from recording_files.recognition import UnknownColumnsError
from recording_files.source import Source
from recording_files.stored_files import require_readable_name
from recording_files.table import PART_ROWS, SCHEMA, TEXT_COLUMNS, Part, make_part
from recording_files.text_form import NotATableError
from recording_files.text_reading import DEFAULT_TEXTS

#: Metadata key of a file's provenance: a list of `TrainingData` as JSON.
PROVENANCE_KEY = b"har.provenance"
#: Metadata key of the sample rate of all its phones, Hz, as text.
RATE_KEY = b"har.rate_hz"


class ParquetSource(Source):
    """A Parquet file or a folder of them, with the columns of `har.recordings.COLUMNS` or any that are understood.

    Files and subfolders whose name begins with a dot or an underscore are ignored, as programs name unfinished files
    so. A session may continue in the next file of a folder.

    The provenance of a folder is that of all its files. As a session may lie in several files, `rate_hz` is only set
    if all files state the same rate; else it is None.

    Parameters
    ----------
    path : Path
        File or folder.
    options : ColumnOptions
        What the person stated about its columns.

    Attributes
    ----------
    layouts : dict of Path to (Layout or None)
        What the columns of each file are; None for the project's own.

    Raises
    ------
    RecordingError
        If there is no file, a file is not Parquet, no file's columns are understood, the files are of several formats,
        or a stated provenance or rate is invalid.
    """

    def __init__(self, path: Path, options: ColumnOptions = NOTHING_STATED) -> None:
        self.path = path
        self.layouts: dict[Path, Layout | None]
        self.layouts, self._no_tables = _layouts(path, parquet_files(path), options)
        self._files = list(self.layouts)
        self._provenance: dict[Path, list[TrainingData]] = {}
        rates: set[float | None] = set()
        for file in self._files:
            metadata, layout = read_schema(file).metadata or {}, self.layouts[file]
            self._provenance[file] = _stated_provenance(file, metadata)
            rates.add((layout and layout.rate_hz) or _stated_rate(file, metadata))
        self.rate_hz = rates.pop() if len(rates) == 1 else None

    def parts(self) -> Iterator[Part]:
        """Read the files in the order of their names."""
        for file in self._files:
            yield from read_parquet(file, self.layouts[file])

    def understood(self) -> list[str]:
        """Return the format, the axes and the times."""
        layout = self.layouts[self._files[0]]
        if layout is None:
            return ["format Parquet, this project's columns"]
        others = {file: found for file, found in self.layouts.items() if found is not None}
        unread = layout.describe_unread(read_schema(self._files[0]).names)
        return ["format Parquet", *layout.describe(), *differences(others), *unread]

    def remarks(self) -> list[str]:
        """Name the files of the folder that are not read, as they are not Parquet or hold no readings."""
        inside = (file for file in self.path.rglob("*") if file.suffix != ".parquet" and file.is_file())
        others = sorted(str(place) for file in inside if not _is_unfinished(place := file.relative_to(self.path)))
        kept_out = f"left out, as the folder is read as Parquet: {listed(others)}. Pass other recordings by themselves"
        return [*(f"left out: {reason}" for reason in self._no_tables), *([kept_out] if others else [])]

    def provenance(self) -> list[TrainingData]:
        """Return the stated provenance of the files; for files without one, that of their devices."""
        stated = [data for file in self._files for data in self._provenance[file]]
        devices: set[str] = set()
        for file in self._files:
            if self._provenance[file]:
                continue
            layout = self.layouts[file]
            column = "device" if layout is None else layout.texts.get("device")
            if column is None:
                devices.add(DEFAULT_TEXTS["device"])
                continue
            for batch in read_batches(file, [column]):
                devices.update(map(str, batch[column].unique().to_pylist()))
        return list(dict.fromkeys([*stated, *data_sets_of_devices(devices)]))


def parquet_files(path: Path) -> list[Path]:
    """Return the sorted Parquet files of a folder and its subfolders, or the file itself.

    Raises
    ------
    RecordingError
        If there are none.
    """
    if path.is_file():
        return [path]
    found = sorted(file for file in path.rglob("*.parquet") if not _is_unfinished(file.relative_to(path)))
    if not found:
        what = "contains no .parquet file" if path.is_dir() else "cannot be read: there is no such file or folder"
        raise RecordingError(f"{path} {what}")
    for file in found:
        require_readable_name(file)
    return found


def read_schema(file: Path) -> pa.Schema:
    """Read the schema of a file, including its metadata.

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
    """Read columns of a file, or of some of its row groups, in tables of at most `PART_ROWS` rows.

    Text columns are dictionary-encoded.

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
    """Write a source as one Parquet file with its provenance. The file appears atomically.

    Parameters
    ----------
    source : Source
        The source to write.
    target : Path
        The file. An existing one is replaced.
    keep_null : bool
        Whether to write readings without an activity.
    report : callable
        Called after each part with the number of rows written so far.

    Returns
    -------
    int
        Number of rows written.

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


def read_parquet(file: Path, layout: Layout | None, row_groups: Sequence[int] | None = None) -> Iterator[Part]:
    """Read a file, or some of its row groups.

    Parameters
    ----------
    file : Path
        The file.
    layout : Layout or None
        What its columns are; None for the project's own.
    row_groups : sequence of int, optional
        The row groups to read. Row numbers begin with the first of them.

    Raises
    ------
    RecordingError
        If it is damaged, has no rows, or a value is invalid.
    """
    batches = read_batches(file, list(SCHEMA.names) if layout is None else layout.columns, row_groups)
    rows = 0
    for part in _own_parts(batches, file) if layout is None else parts_of_parquet(batches, layout, file):
        yield part
        rows += len(part)
    if not rows:
        raise RecordingError(f"{file} has no rows")


def _own_parts(batches: Iterable[pa.Table], file: Path) -> Iterator[Part]:
    first_row = 0
    for batch in batches:
        yield make_part(batch, file, first_row)
        first_row += batch.num_rows


def _layouts(path: Path, files: Sequence[Path], options: ColumnOptions) -> tuple[dict[Path, Layout | None], list[str]]:
    """Return the layout of each file, and why others hold no readings.

    The names of the person and the session are those of the place where the columns state none.
    """
    names = names_by_place(path, files)
    found: dict[Path, Layout | None] = {}
    unclear: list[RecordingError] = []
    for file in files:
        columns = read_schema(file).names
        if set(SCHEMA.names) <= set(columns) and not options.names_columns:
            found[file] = None
            continue
        try:
            layout = layout_of_parquet(file, columns, options)
        except (NotATableError, UnknownColumnsError) as error:
            unclear.append(error)
            continue
        found[file] = msgspec.structs.replace(layout, constants=names[file].missing_in(layout) | layout.constants)
    if not found:
        raise unclear[0]
    formats = {layout.format if layout else "this project's columns": file for file, layout in found.items()}
    if len(formats) > 1:
        named = "; ".join(f"{file} is {kind}" for kind, file in formats.items())
        raise RecordingError(f"{path} holds tables of several formats ({named}): pass the files of each by themselves")
    return found, list(map(str, unclear))


def _is_unfinished(file: Path) -> bool:
    return any(part.startswith((".", "_")) for part in file.parts)


def _stated_provenance(file: Path, metadata: dict[bytes, bytes]) -> list[TrainingData]:
    try:
        return msgspec.json.decode(metadata.get(PROVENANCE_KEY, b"[]"), type=list[TrainingData])
    except UNDECODABLE as error:
        raise RecordingError(f"{file}: {PROVENANCE_KEY.decode()} is invalid: {error}") from error


def _stated_rate(file: Path, metadata: dict[bytes, bytes]) -> float | None:
    stated = metadata.get(RATE_KEY)
    try:
        return None if stated is None else float(stated)
    except ValueError as error:
        raise RecordingError(f"{file}: {RATE_KEY.decode()} is not a number: {error}") from error
