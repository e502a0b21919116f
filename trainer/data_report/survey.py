"""What a data set holds, summed up as its parts go by."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from har.releases import TrainingData
from har.resampling import Times
from har.windows import MICROSECONDS, WindowSpec
from trainer.sources import Part, Source
from trainer.sources.rates import RateMeter, SessionRate, sessions_of

#: How much of an activity is shown.
TRACE_US = 6 * MICROSECONDS
_GRAVITY_BINS = 400
_GRAVITY_RANGE = (0.0, 40.0)


@dataclass(frozen=True, eq=False)
class SampledTrace:
    """A few seconds of an activity.

    Attributes
    ----------
    label, user, model : str
        What is shown, and whose phone recorded it.
    seconds : ndarray of float64, shape (n,)
        Since the trace's beginning.
    axes : ndarray of float32, shape (n, 3)
        m/s², gravity included.
    stretch_us : int
        How long the stretch is that it is from.
    """

    label: str
    user: str
    model: str
    seconds: NDArray[np.float64]
    axes: NDArray[np.float32]
    stretch_us: int


@dataclass
class BrokenReadings:
    """Readings that are not finite: how many, and where the first is."""

    count: int = 0
    first: str = ""


@dataclass
class Survey:
    """What one data set holds.

    Attributes
    ----------
    path : Path
        Where it is.
    provenance : list of TrainingData
        What it is from.
    rate_hz : float or None
        The rate that it states.
    readings : int
        Rows.
    seconds, windows : dict of (str, str) to float or int
        Time, and windows of 4 s a second apart, by user and label.
    sessions : list of SessionRate
        Each session's rate and gaps.
    rates : dict of str to Counter of int
        By model: how many seconds had so many readings.
    gaps_us : dict of str to list of int
        By model: the lengths of the gaps.
    gravity : dict of str to ndarray of int64
        By model: how the magnitudes of the readings are distributed, in bins of 0.1 m/s².
    zeros : Counter of str
        By session: readings that are zero on all axes, which no phone at rest on Earth gives.
    broken : BrokenReadings
        Readings that are NaN or infinite.
    traces : dict of str to SampledTrace
        By label.
    """

    path: Path
    provenance: list[TrainingData] = field(default_factory=list)
    rate_hz: float | None = None
    readings: int = 0
    seconds: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    windows: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    sessions: list[SessionRate] = field(default_factory=list)
    rates: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    gaps_us: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    gravity: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    zeros: Counter[str] = field(default_factory=Counter)
    broken: BrokenReadings = field(default_factory=BrokenReadings)
    traces: dict[str, SampledTrace] = field(default_factory=dict)

    @property
    def users(self) -> list[str]:
        """Who is in it, sorted."""
        return sorted({session.user for session in self.sessions})

    @property
    def labels(self) -> list[str]:
        """What is shown in it, the most first."""
        return [label for label, _ in Counter(self.label_seconds()).most_common()]

    def label_seconds(self) -> dict[str, float]:
        """Return the time of each label, s."""
        sums: dict[str, float] = defaultdict(float)
        for (_, label), seconds in self.seconds.items():
            sums[label] += seconds
        return sums

    def median_gravity(self, model: str) -> float:
        """Return the median magnitude of a model's readings, m/s², to 0.1."""
        counts = self.gravity[model].cumsum()
        low, high = _GRAVITY_RANGE
        return low + (high - low) / _GRAVITY_BINS * (int(np.searchsorted(counts, counts[-1] / 2)) + 0.5)


def survey_source(source: Source) -> Survey:
    """Read a data set once and sum up what it holds.

    Raises
    ------
    RecordingError
        If it cannot be read. What can be read but not trained on is no error here.
    """
    survey = Survey(source.path, source.provenance(), source.rate_hz)
    meter = RateMeter()
    for part in source.parts():
        meter.add(part)
        _add(survey, part)
    survey.sessions = meter.sessions()
    return survey


def _add(survey: Survey, part: Part) -> None:
    survey.readings += len(part)
    labels = part.coded("gt")
    for (device, model, user, session), times, axes, rows in sessions_of(part):
        _note_broken(survey, part, rows, axes, f"user {user}, session {session}")
        survey.zeros[f"user {user}, session {session}, device {device}"] += int((axes == 0).all(axis=1).sum())
        _note_gravity(survey, model, axes)
        steps = np.diff(times)
        gaps = steps > WindowSpec().gap_us
        survey.gaps_us[model].extend(steps[gaps].tolist())
        survey.rates[model].update(_readings_a_second(times, gaps))
        codes = labels.codes[rows]
        usual = int(np.median(steps)) if len(steps) else 0
        for first, last in _runs(codes, gaps):
            label = str(labels.texts[codes[first]])
            lasts = int(times[last] - times[first]) + usual
            survey.seconds[user, label] += lasts / MICROSECONDS
            spec = WindowSpec()
            survey.windows[user, label] += max(0, (lasts - spec.length_us) // spec.hop_us + 1)
            run = slice(first, last + 1)
            _note_trace(survey, label, user, model, times[run], axes[run])


def _note_broken(survey: Survey, part: Part, rows: NDArray[np.intp], axes: NDArray[np.float32], whose: str) -> None:
    broken = ~np.isfinite(axes).all(axis=1)
    if broken.any() and not survey.broken.count:
        survey.broken.first = f"{part.file}, row {part.first_row + int(rows[broken].min())} ({whose})"
    survey.broken.count += int(broken.sum())


def _note_gravity(survey: Survey, model: str, axes: NDArray[np.float32]) -> None:
    magnitudes = np.sqrt((axes.astype(np.float64) ** 2).sum(axis=1))
    counts, _ = np.histogram(magnitudes[np.isfinite(magnitudes)], _GRAVITY_BINS, _GRAVITY_RANGE)
    survey.gravity[model] = survey.gravity.get(model, np.zeros(_GRAVITY_BINS, np.int64)) + counts


def _readings_a_second(times: Times, gaps: NDArray[np.bool_]) -> Counter[int]:
    """Count the readings of each whole second; those that a gap or an end cuts off do not count."""
    whole = times // MICROSECONDS
    seconds, counts = np.unique(whole, return_counts=True)
    cut = {int(whole[0]), int(whole[-1]), *whole[:-1][gaps].tolist(), *whole[1:][gaps].tolist()}
    return Counter(counts[~np.isin(seconds, sorted(cut))].tolist())


def _runs(codes: NDArray[np.integer], gaps: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Cut readings where the label changes or a gap is; yields the first and last row of each run."""
    cuts = np.flatnonzero((np.diff(codes) != 0) | gaps)
    yield from zip([0, *(cuts + 1).tolist()], [*cuts.tolist(), len(codes) - 1], strict=True)


def _note_trace(survey: Survey, label: str, user: str, model: str, times: Times, axes: NDArray[np.float32]) -> None:
    """Keep the middle of the longest run."""
    lasts = int(times[-1] - times[0])
    known = survey.traces.get(label)
    if known is not None and known.stretch_us >= lasts:
        return
    begin = times[0] + max(0, lasts - TRACE_US) // 2
    inside = slice(*np.searchsorted(times, [begin, begin + TRACE_US + 1]).tolist())
    seconds = (times[inside] - times[inside][0]) / MICROSECONDS
    survey.traces[label] = SampledTrace(label, user, model, seconds, axes[inside].copy(), lasts)
