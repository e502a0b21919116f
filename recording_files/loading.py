"""Load labelled recordings from data sets."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from har.recordings import Recording, RecordingError, recordings_from_columns
from recording_files import Source, find_source
from recording_files.checking.inspection import Inspection
from recording_files.checking.strictness import (
    checked_parts,
    reject_repeated_sessions,
    reject_what_training_does,
)
from recording_files.falls import with_falls_only
from recording_files.table import SCHEMA, TEXT_COLUMNS, Part


def load_recordings(paths: Iterable[Path | str], inspection: Inspection | None = None) -> list[Recording]:
    """Load all recordings of data sets, ordered by person and session.

    Parameters
    ----------
    paths : iterable of Path
        Paths or names; see `recording_files.find_source`.
    inspection : Inspection, optional
        How they are checked; see `recordings_of`.

    Returns
    -------
    list of Recording
        One recording per (device, user, session).

    Raises
    ------
    RecordingError
        If a data set cannot be read, lacks a column or has no rows; if a value is missing or not finite; if a label is
        an alias of a known one; if a session's sample rate differs from the stated one; or if two data sets hold the
        same session of a person.
    UnsoundDataError
        If a finding stops the command.
    """
    data_sets = [(path, recordings_of(find_source(path), inspection)) for path in paths]
    reject_repeated_recordings(data_sets)
    recordings = [recording for _, of_data_set in data_sets for recording in of_data_set]
    return sorted(recordings, key=lambda recording: (recording.person, recording.session))


def reject_repeated_recordings(data_sets: Iterable[tuple[object, Iterable[Recording]]]) -> None:
    """Raise if two data sets hold the same session of a person.

    Parameters
    ----------
    data_sets : iterable of tuple
        Path and recordings of each data set.

    Raises
    ------
    RecordingError
        If a session is repeated. The message names it and both data sets.
    """
    reject_repeated_sessions(
        (path, [(recording.person, recording.session) for recording in recordings]) for path, recordings in data_sets
    )


def recordings_of(source: Source, inspection: Inspection | None = None) -> list[Recording]:
    """Load and check all recordings of one source, in order of first appearance.

    Parameters
    ----------
    source : Source
        The data set.
    inspection : Inspection, optional
        How it is checked. One that is not strict leaves out readings that are not finite. Without it, a reading that is
        not finite and a wrong rate are errors, and nothing else is looked at.

    Raises
    ------
    RecordingError, UnsoundDataError
        See `load_recordings`.
    """
    parts = list(checked_parts(source) if inspection is None else inspection.parts(source))
    if inspection is not None and not inspection.is_strict:
        parts = [part.finite() for part in parts]
    elif inspection is not None:  # the person may have said --force, which training does not accept for these
        reject_what_training_does(parts, source.rate_hz)
    return recordings_in(parts, source.path)


def recordings_in(parts: Iterable[Part], path: Path) -> list[Recording]:
    """Join the parts of a data set to its recordings, in order of first appearance.

    Parameters
    ----------
    parts : iterable of Part
        All of its parts, with finite readings.
    path : Path
        The data set.

    Raises
    ------
    RecordingError
        If there is no part.
    """
    parts = list(parts)
    if not parts:
        raise RecordingError(f"{path} has no rows")
    whole = Part(pa.concat_tables([part.table for part in parts]).unify_dictionaries(), path)
    texts = {name: whole.coded(name) for name in TEXT_COLUMNS}
    numbers = {name: whole.table[name].to_numpy() for name in SCHEMA.names if name not in texts}
    return [with_falls_only(recording) for recording in recordings_from_columns({**texts, **numbers})]
