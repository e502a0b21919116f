"""Findings about a recording, as warnings and errors of Python."""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from har.recordings import RecordingError, RecordingWarning
from recording_files import Part, Source
from recording_files.checking import DataSetCheck, Finding, Weight
from recording_files.checking.printing import line_of

#: The caller of the public method that warns.
_CALLER = 3


def warn_of(findings: Sequence[Finding], path: Path, *, force: bool) -> None:
    """Warn of findings.

    Parameters
    ----------
    findings : sequence of Finding
        The findings about a data set.
    path : Path
        The data set.
    force : bool
        Whether a finding that makes answers meaningless is a warning, too.

    Raises
    ------
    RecordingError
        If a finding makes answers meaningless, without `force`. Its text has all of these.
    """
    stopping = [line_of(path, finding) for finding in findings if finding.weight is Weight.STOPS]
    if stopping and not force:
        raise RecordingError("; ".join([*stopping, "answers would be meaningless. Mend the data, or pass force=True"]))
    for finding in findings:
        if finding.weight is not Weight.NOTES:
            warnings.warn(line_of(path, finding), RecordingWarning, stacklevel=_CALLER)


def seen_by(checked: DataSetCheck, source: Source) -> Iterator[Part]:
    """Pass on the parts of a data set, each of which is checked."""
    for part in source.parts():
        checked.add(part)
        yield part
