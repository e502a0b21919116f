"""Check a data set in one pass, in memory that does not grow with its length."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from har.signal_quality import SignalBounds
from har.windowing import WindowSpec
from recording_files.checking.finding import Finding, Weight, worst_first
from recording_files.checking.labels import label_findings
from recording_files.checking.reading_findings import reading_findings
from recording_files.checking.session_check import SessionCheck, begin_session
from recording_files.checking.time_findings import time_findings
from recording_files.session_pieces import pieces_of
from recording_files.source import Source
from recording_files.table import Part
from recording_files.understanding import Contents


@dataclass
class DataSetCheck:
    """Checks a data set part by part, for a command that reads it anyway.

    Attributes
    ----------
    rate_hz : float or None
        The sample rate that the data set states, Hz.
    spec : WindowSpec
        How the release's windows are cut.
    bounds : SignalBounds
        The least quality of the readings that the release needs.
    classes : sequence of str or None
        The classes of the release, if the labels are to be checked; else None.
    in_order : bool
        Whether the command cuts windows in the order of the file (`har.recording_cutter`); a command that sorts all
        readings first leaves none out.
    is_strict : bool
        Whether the command rejects every data set with a reading that is not finite or a session of a wrong rate, as
        training does.
    sessions : dict of tuple to SessionCheck
        The sessions by device, user and session, in order of first appearance.
    contents : Contents
        Its users, sessions and labels.
    """

    rate_hz: float | None = None
    spec: WindowSpec = field(default_factory=WindowSpec)
    bounds: SignalBounds = field(default_factory=SignalBounds)
    classes: Sequence[str] | None = None
    in_order: bool = True
    is_strict: bool = False
    sessions: dict[tuple[str, str, str], SessionCheck] = field(default_factory=dict)
    contents: Contents = field(default_factory=Contents)
    _rows: Counter[Path] = field(default_factory=Counter)

    @property
    def rates_hz(self) -> list[float | None]:
        """Measured sample rate of each session, Hz; None of one with too few readings."""
        return [session.rate.rate_hz for session in self.sessions.values()]

    def add(self, part: Part) -> None:
        """Add the next part."""
        keys = list[tuple[str, str, str]]()
        for piece in pieces_of(part):
            key = piece.names.key
            keys.append(key)
            if key not in self.sessions:
                self.sessions[key] = begin_session(piece.names, part.file, self.spec, self.bounds)
            self.sessions[key].add(piece, part.file, part.first_row)
        self.contents.add(part, keys)
        self._rows[part.file] += len(part)

    def finish(self) -> None:
        """Finish counting; nothing may be added afterwards but the checks of later ranges."""
        for session in self.sessions.values():
            session.readability.finish()

    def join(self, later: "DataSetCheck") -> None:
        """Add the check of the next range of the data set, which another process read. Both must be finished."""
        for key, session in later.sessions.items():
            if key not in self.sessions:
                self.sessions[key] = begin_session(session.names, session.file, self.spec, self.bounds)
            self.sessions[key].join(session, self._rows)
        self.contents.join(later.contents)
        self._rows.update(later._rows)

    def findings(self) -> list[Finding]:
        """Return the findings about all parts, the worst first. Nothing may be added afterwards."""
        sessions = list(self.sessions.values())
        if not sessions:
            return [Finding(Weight.STOPS, "there are no readings")]
        self.finish()
        of_times, without_times = time_findings(
            sessions, self.rate_hz, in_order=self.in_order, is_strict=self.is_strict
        )
        of_labels = [] if self.classes is None else label_findings(self.contents.labels, self.classes)
        return worst_first(
            [*reading_findings(sessions, without_times, is_strict=self.is_strict), *of_times, *of_labels]
        )


def check(
    source: Source,
    *,
    spec: WindowSpec | None = None,
    bounds: SignalBounds | None = None,
    classes: Sequence[str] | None = None,
    in_order: bool = True,
) -> list[Finding]:
    """Read a data set once and return what is wrong with it, the worst first.

    Parameters
    ----------
    source : Source
        The data set.
    spec : WindowSpec, optional
        How the release's windows are cut; by default the usual windows.
    bounds : SignalBounds, optional
        The least quality of the readings that the release needs; by default the usual bounds.
    classes : sequence of str, optional
        The classes of the release, if the labels are to be checked.
    in_order : bool
        Whether the command cuts windows in the order of the file; see `DataSetCheck`.

    Raises
    ------
    RecordingError
        If a file cannot be read.
    """
    checked = DataSetCheck(source.rate_hz, spec or WindowSpec(), bounds or SignalBounds(), classes, in_order)
    for part in source.parts():
        checked.add(part)
    return checked.findings()
