"""One check of recordings, for every command that reads files.

`check` reads a data set once and returns its findings, the worst first: what is wrong, where, and what to do. Every
command prints them with `report_findings`, in the same words, and stops with the status `STOPPED` if one of them makes
its answers meaningless (`Weight.STOPS`), unless the person says ``--force``.
"""

from recording_files.checking.data_set import DataSetCheck, check
from recording_files.checking.finding import Finding, Weight
from recording_files.checking.printing import STOPPED, report_findings

__all__ = ["STOPPED", "DataSetCheck", "Finding", "Weight", "check", "report_findings"]
