"""List the files of a Delta Lake table. Other files in its folder were replaced or never committed."""

from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa

from har.recordings import RecordingError

LOG = "_delta_log"


def has_log(folder: Path) -> bool:
    """Return whether a folder is a table with a log."""
    return (folder / LOG).is_dir()


def current_files(folder: Path) -> list[Path]:
    """Return the current files of a table, by folder (day) and time of writing. Return none for an empty table.

    So the readings of a session come in the order of their arrival, although file names are random. `har archive` keeps
    replaced files for an hour, so they can still be read for that time.

    Raises
    ------
    RecordingError
        If the log cannot be read, or the deltalake package is not installed.
    """
    try:
        from deltalake import DeltaTable  # noqa: PLC0415 - only an archive needs it
        from deltalake.exceptions import DeltaError  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise RecordingError(f"{folder} is a Delta Lake table: pip install 'har-stream[trainer]' to read it") from error
    try:
        added = pa.table(DeltaTable(folder.absolute()).get_add_actions()).select(["path", "modification_time"])
    except (DeltaError, OSError) as error:
        raise RecordingError(f"{folder / LOG} cannot be read: {error}") from error
    written = [(folder / unquote(str(row["path"])), row["modification_time"]) for row in added.to_pylist()]
    return [file for file, _ in sorted(written, key=lambda entry: (entry[0].parent, entry[1], entry[0].name))]
