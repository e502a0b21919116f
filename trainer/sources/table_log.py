"""Which files of a folder count, where a table's log says so (Delta Lake): others were replaced or never committed."""

from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa

from har.recordings import RecordingError

LOG = "_delta_log"


def has_log(folder: Path) -> bool:
    """Tell whether a folder is a table with a log."""
    return (folder / LOG).is_dir()


def counting_files(folder: Path) -> list[Path]:
    """Return the files that count by the log's newest entry, day by day as they were written; none of an empty table.

    So a session's readings come in the order in which they arrived, though the files' names are random. Whoever writes
    the table keeps files that it replaces for an hour (`har archive`), so they can be read that long.

    Raises
    ------
    RecordingError
        If the log cannot be read, or what reads it is not installed.
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
    return [file for file, _ in sorted(written, key=lambda each: (each[0].parent, each[1], each[0].name))]
