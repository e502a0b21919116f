"""Print findings, the same way in every command."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from recording_files.checking.finding import Finding, stop

#: Exit status of a command that a finding stops.
STOPPED: Final = 2


def report_findings(path: Path, findings: Sequence[Finding], *, force: bool = False) -> bool:
    """Print findings about a data set to the standard error; return whether the command may go on.

    Parameters
    ----------
    path : Path
        The data set.
    findings : sequence of Finding
        Its findings.
    force : bool
        Whether the person said ``--force``: the command goes on, whatever was found.
    """
    for finding in findings:
        print(line_of(path, finding), file=sys.stderr)
    if not stop(findings):
        return True
    if force:
        print(f"{path.name}: --force is given: the answers that follow may be meaningless", file=sys.stderr)
    return force


def line_of(path: Path, finding: Finding) -> str:
    """Return a finding as a line of text.

    Examples
    --------
    >>> from recording_files.checking.finding import Weight
    >>> line_of(Path("data/walk.csv"), Finding(Weight.STOPS, "its times stand still", "session s1"))
    'walk.csv: stops: session s1: its times stand still'
    """
    return f"{path.name}: {finding.weight}: {finding}"
