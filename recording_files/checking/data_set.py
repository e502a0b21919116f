"""Check a data set in one pass, in memory that does not grow with its length."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from har.signal_quality import SignalBounds
from har.windowing import WindowSpec
from recording_files.checking.finding import Finding, Weight, worst_first
from recording_files.checks import rate_fault
from recording_files.rates import RateMeter
from recording_files.source import Source
from recording_files.table import Part


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
    """

    rate_hz: float | None = None
    spec: WindowSpec = field(default_factory=WindowSpec)
    bounds: SignalBounds = field(default_factory=SignalBounds)
    classes: Sequence[str] | None = None
    readings: int = 0
    _meter: RateMeter = field(default_factory=RateMeter)
    _broken: int = 0
    _first_broken: str = ""

    def add(self, part: Part) -> None:
        """Add the next part."""
        self.readings += len(part)
        self._meter.add(part)
        broken = ~np.isfinite(part.axes()).all(axis=1)
        if broken.any() and not self._broken:
            self._first_broken = f"{part.file}, row {part.first_row + int(broken.argmax())}"
        self._broken += int(broken.sum())

    def findings(self) -> list[Finding]:
        """Return the findings about all parts, the worst first."""
        if not self.readings:
            return [Finding(Weight.STOPS, "there are no readings")]
        found = []
        if self._broken:
            text = f"{self._broken:,} of {self.readings:,} readings are NaN or infinite"
            found.append(Finding(Weight.WARNS, text, self._first_broken))
        for session in self._meter.sessions():
            fault = rate_fault(session, self.rate_hz)
            if fault is not None:
                found.append(Finding(Weight.STOPS, fault, session.name))
        return worst_first(found)


def check(
    source: Source,
    *,
    spec: WindowSpec | None = None,
    bounds: SignalBounds | None = None,
    classes: Sequence[str] | None = None,
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

    Raises
    ------
    RecordingError
        If a file cannot be read.
    """
    checked = DataSetCheck(source.rate_hz, spec or WindowSpec(), bounds or SignalBounds(), classes)
    for part in source.parts():
        checked.add(part)
    return checked.findings()
