"""Find the source for a path or a name."""

import re
from pathlib import Path

from har.recordings import RecordingError
from recording_files.column_options import NOTHING_STATED, ColumnOptions
from recording_files.formats.collected import CollectedSource
from recording_files.formats.hapt import FILE_NAME as HAPT_FILE
from recording_files.formats.hapt import HaptSource
from recording_files.formats.hhar import FILE_NAME as HHAR_FILE
from recording_files.formats.hhar import HharSource
from recording_files.formats.parquet import ParquetSource
from recording_files.formats.sensor_logger import FILE_NAME as SENSOR_LOGGER_FILE
from recording_files.formats.sensor_logger import SensorLoggerSource, is_export, is_json
from recording_files.formats.text_tables import TextSource
from recording_files.formats.uci_har import FILE_NAME as UCI_HAR_FILE
from recording_files.formats.uci_har import UciHarSource
from recording_files.source import Source
from recording_files.stated import split_stated
from recording_files.stored_files import all_stored_files, first_bytes, is_archive, require_readable_name, stored_trees
from recording_files.urls import path_of

#: Default output folder of `har data fetch`.
FETCHED = Path(".har/data")
#: Data sets that can be referred to by name.
NAMES = ("hhar", "hapt")
#: Names of files that belong together.
_BUNDLES = re.compile(rf"{HHAR_FILE.pattern}|{HAPT_FILE.pattern}|{UCI_HAR_FILE.pattern}")


def find_source(
    path_or_name: Path | str,
    *,
    fetched: Path = FETCHED,
    options: ColumnOptions = NOTHING_STATED,
) -> Source:
    """Find a data set.

    Parameters
    ----------
    path_or_name : Path or str
        A Parquet file or a folder of them; HHAR's CSV; the archive or folder of HHAR or HAPT; a folder of collected
        data (``samples/`` and ``labels/``); or the name of a fetched data set, ``hhar`` or ``hapt``. Options that hold
        for it only may follow, as `recording_files.stated` describes.
    fetched : Path
        Folder with fetched data sets.
    options : ColumnOptions
        What the person stated about its columns, as far as `path_or_name` states nothing else.

    Raises
    ------
    RecordingError
        If the path does not exist, or is not a data set.

    Examples
    --------
    >>> find_source("nowhere.parquet")
    Traceback (most recent call last):
    har.recordings.RecordingError: nowhere.parquet cannot be read: there is no such file or folder
    """
    path, own = split_stated(path_of(str(path_or_name)))
    options = own.over(options)
    if not path.exists() and str(path) in NAMES:
        path = fetched / f"{path}.parquet"
        if not path.exists():
            raise RecordingError(f"{path.stem} is not in {fetched}: run `har data fetch {path.stem}` first")
    require_readable_name(path)
    if path.is_fifo():
        raise RecordingError(f"{path} is a pipe, and files are read twice: save it, or use `… | har classify -`")
    source = _source_at(path, options)
    if options.names_columns and not isinstance(source, (TextSource, ParquetSource)):
        raise RecordingError(
            f"{path} has columns that are known ({source.understood()[0]}): options that name columns or units do not "
            "apply. State those of another data set behind its path, within quotes"
        )
    source.options = options
    if options.rate_hz is not None:
        source.rate_hz = options.rate_hz
    return source


def _source_at(path: Path, options: ColumnOptions) -> Source:
    if (path / "samples").is_dir():
        return CollectedSource(path)
    if any(path.rglob("*.parquet")) if path.is_dir() else path.is_file() and first_bytes(path).startswith(b"PAR1"):
        return ParquetSource(path, options)
    if path.is_file() and not is_archive(path):
        return SensorLoggerSource(path) if is_json(path) else TextSource(path, options)
    return _bundle_at(path, options) or TextSource(path, options)


def _bundle_at(path: Path, options: ColumnOptions) -> Source | None:
    """Return a source of files that belong together by their names; None if there are none."""
    with all_stored_files(path, _BUNDLES) as files:
        names = [file.place.name for file in files]
        is_raw = any(file.place.parent.name == "RawData" for file in files)
    if any(map(HHAR_FILE.fullmatch, names)):
        return HharSource(path, options)
    if "labels.txt" in names and (is_raw or any(name.startswith("acc_exp") for name in names)):
        return HaptSource(path)
    if any(name.startswith("total_acc_") for name in names):
        return UciHarSource(path)
    with stored_trees(path, SENSOR_LOGGER_FILE) as trees:
        return SensorLoggerSource(path) if trees and all(map(is_export, trees.values())) else None
