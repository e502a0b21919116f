"""Find the strides in a recording of gait, and compute the Fourier coefficients of each.

Part of :mod:`benchmarks.simulation_fit.fitting`. A stride is two steps, so left and right may differ. Dynamic
programming finds the boundaries that maximise the duration-weighted correlation with a template. The template is the
mean stride of the same wearer; template and boundaries are refined in turns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

FloatArray = NDArray[np.float64]

TEMPLATE_POINTS = 32
WAVEFORM_POINTS = 128
FINER = 4
HIGHEST_WEIGHT = 10
LARGEST_REFINEMENT_SECONDS = 0.03
SHORTEST_STRIDE_SECONDS = 0.8
LONGEST_STRIDE_SECONDS = 1.75
PERIOD_TOLERANCE = 0.25
PERIOD_PENALTY = 1.0


@dataclass(frozen=True, kw_only=True)
class SegmentedBout:
    """An uninterrupted bout of one gait, divided into strides.

    Attributes
    ----------
    signal
        Acceleration with gravity, m/s², float64 ``(n, 3)``.
    boundaries
        Beginnings of the strides and end of the last one, in samples, float64 ``(strides + 1,)``.
    """

    signal: FloatArray
    boundaries: FloatArray

    @property
    def periods(self) -> FloatArray:
        """Lengths of the strides in samples, ``(strides,)``."""
        return np.diff(self.boundaries)

    @cached_property
    def finer(self) -> FloatArray:
        """The signal, band-limited, at four times its rate, so that linear interpolation keeps high frequencies."""
        fine: FloatArray = resample_poly(self.signal, FINER, 1, axis=0, padtype="line")
        return fine

    def strides(self, points: int) -> FloatArray:
        """Return the strides at equal steps of phase, m/s², ``(strides, points, 3)``."""
        return resample_strides(self.finer, FINER * self.boundaries[:-1], FINER * self.periods, points)


def stride_period(signals: Sequence[FloatArray], rate_hz: float) -> float:
    """Return the stride period in samples: the highest peak of the summed autocorrelation of the three axes.

    The searched range, 0.8 to 1.75 s, is shorter than two strides and longer than one step of an adult.
    """
    longest = int(LONGEST_STRIDE_SECONDS * rate_hz)
    shortest = int(SHORTEST_STRIDE_SECONDS * rate_hz)
    lags = np.arange(shortest, longest)
    correlation = np.zeros(len(lags))
    for signal in signals:
        centred = signal - signal.mean(axis=0)
        power = float((centred**2).sum()) / len(centred)
        for position, lag in enumerate(lags):
            if lag < len(centred) - 1:
                product = float((centred[:-lag] * centred[lag:]).sum()) / (len(centred) - lag)
                correlation[position] += len(centred) * product / power
    return float(lags[int(np.argmax(correlation))])


def resample_strides(signal: FloatArray, start: FloatArray, period: FloatArray, points: int) -> FloatArray:
    """Return strides at ``points`` equal steps of phase by linear interpolation, ``(strides, points, 3)``."""
    positions = start[:, None] + period[:, None] * (np.arange(points) / points)
    positions = np.clip(positions, 0, len(signal) - 1.001)
    index = positions.astype(np.int64)
    fraction = (positions - index)[..., None]
    return signal[index] * (1 - fraction) + signal[index + 1] * fraction


def segment_strides(signal: FloatArray, template: FloatArray, typical_period: float) -> tuple[FloatArray, float]:
    """Cut a signal into strides that match a template, by dynamic programming.

    Parameters
    ----------
    signal
        Acceleration, m/s², float64 ``(n, 3)``.
    template
        Mean stride, float64 ``(TEMPLATE_POINTS, 3)``.
    typical_period
        Typical stride period, in samples.

    Returns
    -------
    boundaries
        Increasing sample positions, ``(strides + 1,)``; the parts before the first and after the last are incomplete
        strides.
    score
        Duration-weighted mean similarity per sample.
    """
    centred = signal - signal.mean(axis=0)
    shape = template - template.mean(axis=0)
    shape = shape / np.sqrt((shape**2).sum())
    shortest = int(np.floor(typical_period * (1 - PERIOD_TOLERANCE)))
    longest = int(np.ceil(typical_period * (1 + PERIOD_TOLERANCE)))
    periods = np.arange(shortest, longest + 1)
    count = len(centred)
    similarity = np.full((len(periods), count), -np.inf)
    for row, period in enumerate(periods):
        starts = np.arange(0, count - period)
        strides = resample_strides(
            centred, starts.astype(np.float64), np.full(len(starts), float(period)), TEMPLATE_POINTS
        )
        strides = strides - strides.mean(axis=1, keepdims=True)
        norm = np.sqrt((strides**2).sum(axis=(1, 2))) + 1e-9
        correlation = np.einsum("nkd,kd->n", strides, shape) / norm
        penalty = PERIOD_PENALTY * np.log(period / typical_period) ** 2
        similarity[row, : len(starts)] = period * (correlation - penalty)
    best = np.full(count, -np.inf)
    best[:longest] = 0.0
    came_from = np.full(count, -1, dtype=np.int64)
    for end in range(shortest, count):
        starts = end - periods
        rows = np.flatnonzero(starts >= 0)
        candidates = best[starts[rows]] + similarity[rows, starts[rows]]
        chosen = int(np.argmax(candidates))
        if candidates[chosen] > best[end]:
            best[end], came_from[end] = candidates[chosen], starts[rows[chosen]]
    last = count - longest + int(np.argmax(best[-longest:]))
    return _trace_boundaries(came_from, last), float(best[last]) / count


def _trace_boundaries(came_from: NDArray[np.int64], end: int) -> FloatArray:
    boundaries = [end]
    while came_from[boundaries[-1]] >= 0:
        boundaries.append(int(came_from[boundaries[-1]]))
    return np.asarray(boundaries[::-1], dtype=np.float64)


def occasion_bouts(signals: Sequence[FloatArray], rate_hz: float, turns: int = 4) -> list[SegmentedBout]:
    """Segment all bouts of one wearer and activity with their own template.

    The first template is the best-scoring one of a few candidates in the longest signal. Bouts with fewer than three
    strides are excluded.
    """
    period = stride_period(signals, rate_hz)
    longest = max(signals, key=len)[: int(15 * rate_hz)]
    best_score, template = -np.inf, np.zeros((TEMPLATE_POINTS, 3))
    first = len(longest) // 3
    for start in np.linspace(first, first + period * 0.9, 6):
        candidate = resample_strides(longest, np.array([start]), np.array([period]), TEMPLATE_POINTS)[0]
        score = segment_strides(longest, candidate, period)[1]
        if score > best_score:
            best_score, template = score, candidate
    bouts: list[SegmentedBout] = []
    for _ in range(turns):
        bouts = [SegmentedBout(signal=s, boundaries=segment_strides(s, template, period)[0]) for s in signals]
        bouts = [bout for bout in bouts if len(bout.boundaries) > 3]
        template = mean_stride(bouts, TEMPLATE_POINTS)
        period = float(np.median(np.concatenate([bout.periods for bout in bouts])))
    return bouts


def mean_stride(bouts: Sequence[SegmentedBout], points: int) -> FloatArray:
    """Return the mean over all strides, ``(points, 3)``."""
    mean: FloatArray = np.concatenate([bout.strides(points) for bout in bouts]).mean(axis=0)
    return mean


def align_phases(occasions: Sequence[list[SegmentedBout]], turns: int = 8) -> list[list[SegmentedBout]]:
    """Give the strides of all wearers the same phase zero.

    Each mean stride is circularly shifted to best match the mean over the wearers, in several turns; this also aligns
    left and right. Phase zero is then set where the mean signal changes least, because there the simulation changes
    from one stride to the next.
    """
    means = np.stack([impacts(mean_stride(bouts, WAVEFORM_POINTS)) for bouts in occasions])
    means = means / np.sqrt((means**2).sum(axis=(1, 2), keepdims=True))
    similarity = np.stack([[_best_shift(a, b)[1] for b in means] for a in means])
    reference = means[int(np.argmax(similarity.sum(axis=0)))]
    shifts = np.zeros(len(means), dtype=np.int64)
    for _ in range(turns):
        shifts = np.array([_best_shift(mean, reference)[0] for mean in means])
        reference = np.mean([np.roll(m, -s, axis=0) for m, s in zip(means, shifts, strict=True)], axis=0)
    change = (np.diff(reference, axis=0, append=reference[:1]) ** 2).sum(axis=1)
    smooth = sum(np.roll(change, offset) for offset in range(-3, 4))
    quiet = int(np.argmin(smooth))
    return [
        [_shift_phase(bout, float(shift + quiet) / WAVEFORM_POINTS) for bout in bouts]
        for bouts, shift in zip(occasions, shifts, strict=True)
    ]


def impacts(wave: FloatArray) -> FloatArray:
    """Weight the harmonics of a stride ``(points, 3)`` by the square root of their number, up to a limit.

    The alignment then also matches the short heel strikes of different wearers, and not only the long swings.
    """
    spectrum = np.fft.rfft(wave, axis=0)
    order = np.minimum(np.arange(len(spectrum)), HIGHEST_WEIGHT)
    weighted: FloatArray = np.fft.irfft(spectrum * np.sqrt(order)[:, None], len(wave), axis=0)
    return weighted


def refine_boundaries(bouts: Sequence[SegmentedBout], rate_hz: float, turns: int = 3) -> list[SegmentedBout]:
    """Move each boundary, with sub-sample precision, to where the signal around it best matches the mean stride."""
    steps = np.arange(-LARGEST_REFINEMENT_SECONDS, LARGEST_REFINEMENT_SECONDS + 1e-9, 1 / rate_hz / FINER) * rate_hz
    current = list(bouts)
    for _ in range(turns):
        template = np.roll(mean_stride(current, WAVEFORM_POINTS), WAVEFORM_POINTS // 2, axis=0)
        template = impacts(template)
        current = [_move_boundaries(bout, template, steps) for bout in current]
    return current


def _move_boundaries(bout: SegmentedBout, template: FloatArray, steps: FloatArray) -> SegmentedBout:
    periods = np.append(bout.periods, bout.periods[-1])
    matches = []
    for step in steps:
        start = bout.boundaries + step - periods / 2
        around = resample_strides(bout.finer, FINER * start, FINER * periods, WAVEFORM_POINTS)
        matches.append((around * template).sum(axis=(1, 2)))
    shift = steps[np.argmax(matches, axis=0)]
    shift[0], shift[-1] = 0.0, 0.0
    return SegmentedBout(signal=bout.signal, boundaries=bout.boundaries + shift)


def _best_shift(wave: FloatArray, reference: FloatArray) -> tuple[int, float]:
    spectrum = np.fft.fft(wave, axis=0) * np.conj(np.fft.fft(reference, axis=0))
    correlation = np.fft.ifft(spectrum.sum(axis=1)).real
    shift = int(np.argmax(correlation))
    return shift, float(correlation[shift])


def _shift_phase(bout: SegmentedBout, phase: float) -> SegmentedBout:
    phase = phase % 1.0
    boundaries = bout.boundaries[:-1] + phase * bout.periods
    return SegmentedBout(signal=bout.signal, boundaries=boundaries)


def stride_coefficients(bout: SegmentedBout, harmonics: int) -> FloatArray:
    """Return the Fourier coefficients of each stride and axis, m/s², ``(strides, 3, 1 + 2 * harmonics)``.

    The order is ``offset, cos 1, sin 1, cos 2, sin 2, ...`` of the stride frequency.
    """
    strides = bout.strides(WAVEFORM_POINTS)
    spectrum = np.fft.rfft(strides, axis=1) / WAVEFORM_POINTS
    coefficients = np.empty((len(strides), 3, 1 + 2 * harmonics))
    coefficients[:, :, 0] = spectrum[:, 0].real
    coefficients[:, :, 1::2] = 2 * spectrum[:, 1 : harmonics + 1].real.swapaxes(1, 2)
    coefficients[:, :, 2::2] = -2 * spectrum[:, 1 : harmonics + 1].imag.swapaxes(1, 2)
    return coefficients
