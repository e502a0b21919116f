"""Labelled recordings, read from whatever data sets they are kept in."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from har.recordings import Recording, RecordingError, recordings_from_columns
from trainer.sources import Source, find_source
from trainer.sources.checks import checked_parts
from trainer.sources.table import SCHEMA, TEXT_COLUMNS, Part


def load_recordings(paths: Iterable[Path]) -> list[Recording]:
    """Read all recordings of some data sets, ordered by person and session.

    Parameters
    ----------
    paths : iterable of Path
        Whatever `trainer.sources.find_source` knows.

    Returns
    -------
    list of Recording
        One a (device, user, session).

    Raises
    ------
    RecordingError
        If a data set cannot be read, lacks a column or has no rows, if a value is missing or not finite, if a label
        is a known one by another name, if a session's rate is not what the data set states, or if the same session
        of a person is in two data sets.
    """
    recordings: dict[tuple[str, str], Recording] = {}
    for path in paths:
        for recording in recordings_of(find_source(path)):
            key = (recording.person, recording.session)
            if key in recordings:
                raise RecordingError(f"{path}: session {key[1]} of {key[0]} is in an earlier table, too")
            recordings[key] = recording
    return [recordings[key] for key in sorted(recordings)]


def recordings_of(source: Source) -> list[Recording]:
    """Read all recordings of one source, checked, in order of first appearance.

    Raises
    ------
    RecordingError
        As `load_recordings`.
    """
    tables = [part.table for part in checked_parts(source)]
    if not tables:
        raise RecordingError(f"{source.path} has no rows")
    whole = Part(pa.concat_tables(tables).unify_dictionaries(), source.path)
    texts = {name: whole.coded(name) for name in TEXT_COLUMNS}
    numbers = {name: whole.table[name].to_numpy() for name in SCHEMA.names if name not in texts}
    return recordings_from_columns({**texts, **numbers})
