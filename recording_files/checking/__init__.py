"""One check of recordings, for every command that reads files.

`check` reads a data set once and returns its findings, the worst first: what is wrong, where, and what to do. Commands
read through `Inspection.parts`, which checks the parts on their way, prints what was understood and found in the same
words, and raises if a finding makes the answers meaningless (`Weight.STOPS`), unless the person says ``--force``. Then
the command ends with the status `STOPPED`.
"""

from recording_files.checking.data_set import DataSetCheck, check
from recording_files.checking.finding import Finding, Weight
from recording_files.checking.inspection import Inspection, UnsoundDataError, status_of
from recording_files.checking.printing import STOPPED, report_findings

__all__ = [
    "STOPPED",
    "DataSetCheck",
    "Finding",
    "Inspection",
    "UnsoundDataError",
    "Weight",
    "check",
    "report_findings",
    "status_of",
]
