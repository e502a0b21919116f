"""Labelled recordings, read from whatever data sets they are kept in."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from har.recordings import Recording, RecordingError, recordings_from_columns
from trainer.sources import Source, find_source
from trainer.sources.checks import checked_parts, reject_repeated_sessions
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
    found = [(path, recordings_of(find_source(path))) for path in paths]
    reject_repeated_recordings(found)
    recordings = [recording for _, theirs in found for recording in theirs]
    return sorted(recordings, key=lambda recording: (recording.person, recording.session))


def reject_repeated_recordings(data_sets: Iterable[tuple[object, Iterable[Recording]]]) -> None:
    """Raise if two data sets, given by path and recordings, hold the same session of a person.

    Raises
    ------
    RecordingError
        With the session and both data sets.
    """
    reject_repeated_sessions(
        (path, [(recording.person, recording.session) for recording in theirs]) for path, theirs in data_sets
    )


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
