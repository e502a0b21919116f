"""Findings about a recording and errors of its readers, as warnings and errors of Python."""

import inspect
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from har.recordings import RecordingError, RecordingWarning
from har.release_documents import ReleaseError
from recording_files import Part
from recording_files.checking import DataSetCheck, Finding, Weight
from recording_files.checking.printing import line_of

_OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)*)")


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
        remedy = "answers would be meaningless. Mend the data, or pass force=True"
        raise RecordingError(with_arguments("; ".join([*stopping, remedy])))
    for finding in findings:
        if finding.weight is not Weight.NOTES:
            warnings.warn(with_arguments(line_of(path, finding)), RecordingWarning, stacklevel=_level_of_caller())


def seen_by(checked: DataSetCheck, parts: Iterable[Part]) -> Iterator[Part]:
    """Pass on the parts of a data set, each of which is checked."""
    for part in parts:
        checked.add(part)
        yield part


@contextmanager
def naming_arguments() -> Iterator[None]:
    """Let errors about recordings and releases name the arguments of Python where they name options of commands."""
    try:
        yield
    except (RecordingError, ReleaseError) as error:
        error.args = tuple(with_arguments(str(each)) for each in error.args)
        raise


def with_arguments(text: str) -> str:
    """Return a text with arguments of Python in place of options.

    Examples
    --------
    >>> with_arguments("name them with --time and --time-unit")
    'name them with time= and time_unit='
    """
    return _OPTION.sub(lambda option: f"{option[1].replace('-', '_')}=", text)


def _level_of_caller() -> int:
    """Return how many calls lie between the caller of this function and the first one outside of this package."""
    frame, level = inspect.currentframe(), 0
    while frame is not None and frame.f_globals.get("__name__", "").startswith("classify."):
        frame, level = frame.f_back, level + 1
    return level
