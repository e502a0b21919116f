"""Survey a data set: sums over its parts, computed in one pass."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from har.activity_names import NULL_LABEL
from har.releases import TrainingData
from har.resampling import Times
from har.signal_quality import TRAINED
from har.time_units import MICROSECONDS
from har.windowing import WindowSpec
from recording_files import Part, Source
from recording_files.checking.data_set import DataSetCheck
from recording_files.checking.rates import SessionRate
from recording_files.session_pieces import SessionPiece, pieces_of

#: Length of a trace, µs.
TRACE_US = 6 * MICROSECONDS


@dataclass(frozen=True, eq=False)
class SampledTrace:
    """A few seconds of an activity.

    Attributes
    ----------
    label, user, model : str
        The label, the user, and the model of the phone.
    seconds : ndarray of float64, shape (n,)
        Time since the begin of the trace, s.
    axes : ndarray of float32, shape (n, 3)
        m/s², gravity included.
    stretch_us : int
        Length of the stretch that the trace is from, µs.
    """

    label: str
    user: str
    model: str
    seconds: NDArray[np.float64]
    axes: NDArray[np.float32]
    stretch_us: int


@dataclass
class Survey:
    """Sums over one data set.

    Attributes
    ----------
    path : Path
        Path of the data set.
    provenance : list of TrainingData
        Its provenance.
    understood : list of str
        What was understood of its form and its contents, in sentences.
    remarks : list of str
        What it left out and why.
    rate_hz : float or None
        Its stated sample rate, Hz; None if none is stated.
    seconds, windows : dict of (str, str) to float or int
        Time, s, and number of windows (with the default length and hop), by user and label.
    rates : dict of str to Counter of int
        By model: number of seconds by their number of readings.
    gaps_us : dict of str to list of int
        By model: lengths of the gaps, µs.
    check : DataSetCheck
        The check of its recordings.
    traces : dict of str to SampledTrace
        One trace per label.
    """

    path: Path
    provenance: list[TrainingData] = field(default_factory=list)
    rate_hz: float | None = None
    understood: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    seconds: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    windows: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    rates: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    gaps_us: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    check: DataSetCheck = field(default_factory=DataSetCheck)
    traces: dict[str, SampledTrace] = field(default_factory=dict)

    @property
    def sessions(self) -> list[SessionRate]:
        """Sample rate and gaps of each session."""
        return [session.rate for session in self.check.sessions.values()]

    @property
    def readings(self) -> int:
        """Number of readings."""
        return self.check.contents.readings

    @property
    def rows(self) -> Counter[str]:
        """Number of readings of each label."""
        return +self.check.contents.labels

    @property
    def users(self) -> list[str]:
        """Sorted names of the users."""
        return sorted({session.names.user for session in self.sessions})

    @property
    def labels(self) -> list[str]:
        """Labels, the most frequent first."""
        return [label for label, _ in Counter(self.label_seconds()).most_common()]

    def unasked(self, classes: Collection[str]) -> list[str]:
        """Return the activities that are none of the classes, the most frequent first. Their rows are null rows."""
        return [label for label in self.labels if label not in classes and label != NULL_LABEL]

    def label_seconds(self) -> dict[str, float]:
        """Return the time of each label, s."""
        sums: dict[str, float] = defaultdict(float)
        for (_, label), seconds in self.seconds.items():
            sums[label] += seconds
        return sums


def survey_source(source: Source) -> Survey:
    """Read a data set once and return its survey.

    Raises
    ------
    RecordingError
        If it cannot be read. Data that can be read but not trained on are not an error here.
    """
    survey = Survey(source.path, source.provenance(), source.rate_hz, remarks=source.remarks())
    survey.check = DataSetCheck(source.rate_hz, bounds=TRAINED, in_order=False, is_strict=True)  # as training reads it
    for part in source.parts():
        survey.check.add(part)
        _add(survey, part)
    survey.understood = [*source.understood(), *survey.check.contents.describe(survey.check.rates_hz)]
    return survey


def _add(survey: Survey, part: Part) -> None:
    labels = part.coded("gt")
    for piece in map(SessionPiece.in_time, pieces_of(part)):
        times, axes, model, user = piece.times, piece.axes, piece.names.model, piece.names.user
        steps = np.diff(times)
        gaps = steps > WindowSpec().gap_us
        survey.gaps_us[model].extend(steps[gaps].tolist())
        survey.rates[model].update(_readings_per_second(times, gaps))
        codes = labels.codes[piece.rows]
        median_step = int(np.median(steps)) if len(steps) else 0
        for first, last in _runs(codes, gaps):
            label = str(labels.texts[codes[first]])
            duration = int(times[last] - times[first]) + median_step
            survey.seconds[user, label] += duration / MICROSECONDS
            spec = WindowSpec()
            survey.windows[user, label] += max(0, (duration - spec.length_us) // spec.hop_us + 1)
            run = slice(first, last + 1)
            _add_trace(survey, label, user, model, times[run], axes[run])


def _readings_per_second(times: Times, gaps: NDArray[np.bool_]) -> Counter[int]:
    """Count the readings of each whole second, without seconds at a gap or at an end."""
    whole = times // MICROSECONDS
    seconds, counts = np.unique(whole, return_counts=True)
    cut = {int(whole[0]), int(whole[-1]), *whole[:-1][gaps].tolist(), *whole[1:][gaps].tolist()}
    return Counter(counts[~np.isin(seconds, sorted(cut))].tolist())


def _runs(codes: NDArray[np.integer], gaps: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Split readings at changes of the label and at gaps; yield the first and last row of each run."""
    cuts = np.flatnonzero((np.diff(codes) != 0) | gaps)
    yield from zip([0, *(cuts + 1).tolist()], [*cuts.tolist(), len(codes) - 1], strict=True)


def _add_trace(survey: Survey, label: str, user: str, model: str, times: Times, axes: NDArray[np.float32]) -> None:
    """Keep the middle of the longest run."""
    duration = int(times[-1] - times[0])
    known = survey.traces.get(label)
    if known is not None and known.stretch_us >= duration:
        return
    begin = times[0] + max(0, duration - TRACE_US) // 2
    inside = slice(*np.searchsorted(times, [begin, begin + TRACE_US + 1]).tolist())
    seconds = (times[inside] - times[inside][0]) / MICROSECONDS
    survey.traces[label] = SampledTrace(label, user, model, seconds, axes[inside].copy(), duration)
