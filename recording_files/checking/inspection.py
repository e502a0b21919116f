"""Check a data set while a command reads it, tell the person what was understood and found, and stop if need be."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from har.process.ending import NOT_REACHED
from har.recordings import RecordingError
from har.signal_quality import SignalBounds
from har.windowing import WindowSpec
from recording_files.checking.data_set import DataSetCheck
from recording_files.checking.finding import Finding, Weight, worst_first
from recording_files.checking.people import Person, shared_people
from recording_files.checking.printing import STOPPED, report_findings
from recording_files.recognition import UnknownColumnsError
from recording_files.source import Source
from recording_files.table import Part
from recording_files.text_form import NotATableError
from recording_files.understanding import print_understood


class UnsoundDataError(RecordingError):
    """A finding makes the answers meaningless, and the person did not say ``--force``. The findings are printed."""


#: Most files that are told one by one as left out.
_MOST_LEFT_OUT = 8
_OF_FILES = (UnsoundDataError, UnknownColumnsError, NotATableError)


def status_of(error: Exception) -> int:
    """Return the exit status of a command that ends with an error: 2 if the recordings cannot be used, else 1.

    A run of training has errors of its own, which derive from `RecordingError`, too: about its folder or its shards.
    """
    is_of_files = type(error) is RecordingError or isinstance(error, _OF_FILES)
    return STOPPED if is_of_files else NOT_REACHED


@dataclass(frozen=True)
class Inspection:
    """How a command has its data sets checked. It knows the people of the earlier ones.

    Attributes
    ----------
    force : bool
        Whether the person said ``--force``.
    quiet : bool
        Whether what was understood is not printed. Findings always are.
    spec : WindowSpec
        How the release's windows are cut.
    bounds : SignalBounds
        The least quality of the readings that the release needs.
    classes : sequence of str or None
        The classes of the release, if the labels are to be checked.
    in_order : bool
        Whether the command cuts windows in the order of the file; see `DataSetCheck`.
    is_strict : bool
        Whether the command rejects what training does; see `DataSetCheck`.
    says_left_out : bool
        Whether it tells which files and rows of a data set are left out. Training does so itself.
    file : text file or None
        Where to print; None for the standard error.
    """

    force: bool = False
    quiet: bool = False
    spec: WindowSpec = field(default_factory=WindowSpec)
    bounds: SignalBounds = field(default_factory=SignalBounds)
    classes: Sequence[str] | None = None
    in_order: bool = True
    is_strict: bool = False
    says_left_out: bool = True
    file: IO[str] | None = None
    _people: dict[Path, list[Person]] = field(default_factory=dict)

    def parts(self, source: Source) -> Iterator[Part]:
        """Read a data set, and check it meanwhile.

        Yields
        ------
        Part
            The parts of the source. After the last one, what was understood and the findings are printed.

        Raises
        ------
        UnsoundDataError
            After the last part, if a finding stops the command. What was made of the parts must not be used.
        RecordingError
            If a file cannot be read.
        """
        checked = self.begin(source)
        for part in source.parts():
            checked.add(part)
            yield part
        self.report(source, checked)

    def begin(self, source: Source) -> DataSetCheck:
        """Return a check of a data set to which nothing was added yet."""
        return DataSetCheck(
            source.rate_hz, self.spec, self.bounds, self.classes, in_order=self.in_order, is_strict=self.is_strict
        )

    def report(self, source: Source, checked: DataSetCheck) -> None:
        """Print what was understood of a data set and what was found in it.

        Raises
        ------
        UnsoundDataError
            If a finding stops the command.
        """
        print_understood(source, checked.contents, checked.rates_hz, quiet=self.quiet, file=self.file)
        people = list({(device, user): None for device, user, _ in checked.sessions})
        left_out = _told(source.remarks()) if self.says_left_out else []
        findings = worst_first([*left_out, *checked.findings(), *shared_people(people, self._people)])
        self._people[source.path] = people
        if not report_findings(source.path, findings, force=self.force, file=self.file):
            raise UnsoundDataError(
                f"{source.path}: answers would be meaningless: correct what stops, or go on with --force"
            )


def _told(remarks: Sequence[str]) -> list[Finding]:
    """Return what is left out of a data set as findings."""
    found = [Finding(Weight.WARNS, remark) for remark in remarks[:_MOST_LEFT_OUT]]
    if more := len(remarks) - len(found):
        found.append(Finding(Weight.WARNS, f"{more:,} more are left out; `har data report` names each"))
    return found
