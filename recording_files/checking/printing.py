"""Print findings, the same way in every command."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from har.process.ending import NOT_TRIED
from recording_files.checking.finding import Finding, stop

#: Exit status of a command that a finding stops.
STOPPED: Final = NOT_TRIED


def report_findings(
    path: Path, findings: Sequence[Finding], *, force: bool = False, file: IO[str] | None = None
) -> bool:
    """Print findings about a data set; return whether the command may go on.

    Parameters
    ----------
    path : Path
        The data set.
    findings : sequence of Finding
        Its findings.
    force : bool
        Whether the person said ``--force``: the command goes on, whatever was found.
    file : text file, optional
        Where to print; by default the standard error.
    """
    for finding in findings:
        print(line_of(path, finding), file=file or sys.stderr)
    if not stop(findings):
        return True
    if force:
        print(f"{path.name}: --force is given: the answers that follow may be meaningless", file=file or sys.stderr)
    return force


def line_of(path: Path, finding: Finding) -> str:
    """Return a finding as a line of text.

    Examples
    --------
    >>> from recording_files.checking.finding import Weight
    >>> line_of(Path("data/walk.csv"), Finding(Weight.NOTES, "9 readings are repeated"))
    'good to know: walk.csv: 9 readings are repeated'
    >>> line_of(Path("data/walk.csv"), Finding(Weight.STOPS, "the readings are in g", "walk.csv, row 7"))
    'stops: walk.csv, row 7: the readings are in g'
    """
    place = "" if finding.place.startswith(path.name) else f"{path.name}: "
    return f"{finding.weight}: {place}{finding}"
