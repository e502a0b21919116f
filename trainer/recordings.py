"""Labelled recordings read from Parquet tables."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from har.recordings import COLUMNS, Recording, RecordingError, recordings_from_columns


def load_recordings(paths: Iterable[Path]) -> list[Recording]:
    """Read all recordings of some Parquet tables, ordered by person and session.

    Parameters
    ----------
    paths : iterable of Path
        Tables with the columns that `har.recordings` names; further columns are ignored.

    Returns
    -------
    list of Recording
        One a (device, user, session).

    Raises
    ------
    RecordingError
        If a table cannot be read, lacks a column or has no rows, if a value is missing or not finite, or if the
        same session of a person is in two tables.
    """
    recordings: dict[tuple[str, str], Recording] = {}
    for path in paths:
        for recording in _read_table(path):
            key = (recording.person, recording.session)
            if key in recordings:
                raise RecordingError(f"{path}: session {key[1]} of {key[0]} is in an earlier table, too")
            recordings[key] = recording
    return [recordings[key] for key in sorted(recordings)]


def _read_table(path: Path) -> list[Recording]:
    try:
        names = pq.read_schema(path).names
        table = pq.read_table(path, columns=[name for name in COLUMNS if name in names])
    except (OSError, pa.ArrowException) as error:
        raise RecordingError(f"{path} cannot be read as a Parquet table: {error}") from error
    if not table.num_rows:
        raise RecordingError(f"{path} has no rows")
    for name in table.column_names:
        if table[name].null_count:
            raise RecordingError(f"{path}: {table[name].null_count} row(s) have no {name}")
    try:
        return recordings_from_columns({name: table[name].to_numpy() for name in table.column_names})
    except RecordingError as error:
        raise RecordingError(f"{path}: {error}") from error
