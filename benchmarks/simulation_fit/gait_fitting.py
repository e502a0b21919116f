"""Fit walking and climbing: mean stride, variation of strides, and noise.

Part of :mod:`benchmarks.simulation_fit.fitting`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.simulation_fit.statistics import (
    FloatArray,
    lag_one_correlation,
    nested_spread,
    rounded,
    significant,
    spectrum,
)
from benchmarks.simulation_fit.strides import (
    SegmentedBout,
    align_phases,
    occasion_bouts,
    refine_boundaries,
    stride_coefficients,
)
from ingest.simulation.parameters import GaitParameters, StrideVariation

CENTIMETRES = 100.0
ENVELOPE_BINS = 32
NOISE_BANDS = (0.2, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.5, 7.0, 9.0, 11.0, 13.0, 15.5, 18.0, 21.0, 25.0)


@dataclass(frozen=True, kw_only=True)
class GaitFit:
    """The fit of one gait.

    Attributes
    ----------
    by_wearer
        Quantities of the joint distribution, one row per wearer, ``(wearers, d)`` each.
    shared
        Parameters that all wearers share, by field of `GaitParameters`.
    """

    by_wearer: dict[str, FloatArray]
    shared: dict[str, Any]

    def parameters(self, quantities: Mapping[str, Any]) -> GaitParameters:
        """Return the parameters, from the joint distribution's quantities and the shared ones."""
        return GaitParameters(**quantities, **self.shared)


def fit_gait(occasions: Sequence[Sequence[FloatArray]], rate_hz: float, harmonics: int, variations: int) -> GaitFit:
    """Fit one gait to all occasions of wear.

    Parameters
    ----------
    occasions
        Bouts by occasion, m/s², float64 ``(n, 3)`` each.
    rate_hz
        Sample rate, Hz.
    harmonics
        Number of harmonics of the stride frequency to keep.
    variations
        Number of principal axes of variation to keep.
    """
    wearers = align_phases([occasion_bouts(signals, rate_hz) for signals in occasions])
    wearers = [refine_boundaries(bouts, rate_hz) for bouts in wearers]
    coefficients = [[stride_coefficients(bout, harmonics) for bout in bouts] for bouts in wearers]
    means = np.array([np.concatenate(bouts).mean(axis=0) for bouts in coefficients])
    deviations = [
        [(bout - mean).reshape(len(bout), -1) for bout in bouts]
        for bouts, mean in zip(coefficients, means, strict=True)
    ]
    levels = np.array([np.sqrt((np.concatenate(bouts) ** 2).sum(axis=1).mean()) for bouts in deviations])
    levels = levels / np.exp(np.log(levels).mean())
    normalised = [[bout / level for bout in bouts] for bouts, level in zip(deviations, levels, strict=True)]
    pooled = np.concatenate([bout for bouts in normalised for bout in bouts])
    _, _, axes = np.linalg.svd(pooled, full_matrices=False)
    axes = axes[:variations]
    noise, envelope = _noise(wearers, means, normalised, levels, axes, rate_hz)
    log_periods = [[np.log(bout.periods / rate_hz) for bout in bouts] for bouts in wearers]
    typical = np.array([np.concatenate(bouts).mean() for bouts in log_periods])
    wander = [bout - mean for bouts, mean in zip(log_periods, typical, strict=True) for bout in bouts]
    bout_spread, stride_spread = nested_spread(wander)
    return GaitFit(
        by_wearer={
            "log_stride_period": typical[:, None],
            "log_variability": np.log(levels)[:, None],
            "x": CENTIMETRES * means[:, 0],
            "y": CENTIMETRES * means[:, 1],
            "z": CENTIMETRES * means[:, 2],
        },
        shared={
            "period_bout_spread": round(bout_spread, 4),
            "period_stride_spread": round(stride_spread, 4),
            "period_stride_correlation": round(lag_one_correlation(wander, within=True), 3),
            "variation": [_variation(normalised, axis) for axis in axes],
            "noise": spectrum(noise, rate_hz, NOISE_BANDS),
            "noise_envelope": significant(envelope),
        },
    )


def _variation(normalised: Sequence[Sequence[FloatArray]], axis: FloatArray) -> StrideVariation:
    axis = axis * np.sign(axis[np.abs(axis).argmax()])
    scores = [bout @ axis for bouts in normalised for bout in bouts]
    bout_spread, stride_spread = nested_spread(scores)
    spread = float(np.hypot(bout_spread, stride_spread))
    x, y, z = (rounded(CENTIMETRES * spread * values, 0) for values in axis.reshape(3, -1))
    return StrideVariation(
        x=x,
        y=y,
        z=z,
        bout_share=round((bout_spread / spread) ** 2, 3),
        stride_correlation=round(lag_one_correlation(scores, within=True), 3),
    )


def _noise(
    wearers: Sequence[Sequence[SegmentedBout]],
    means: FloatArray,
    normalised: Sequence[Sequence[FloatArray]],
    levels: FloatArray,
    axes: FloatArray,
    rate_hz: float,
) -> tuple[list[FloatArray], FloatArray]:
    """Return the residuals of the mean stride and its variation, normalised over the phase, and their envelope."""
    residuals, phases = [], []
    for bouts, mean, scores_of, level in zip(wearers, means, normalised, levels, strict=True):
        for bout, scores in zip(bouts, scores_of, strict=True):
            explained = mean + level * ((scores @ axes.T) @ axes).reshape(-1, *mean.shape)
            start, stop = int(np.ceil(bout.boundaries[0])), int(np.floor(bout.boundaries[-1]))
            samples = np.arange(start, min(stop, len(bout.signal)))
            stride = np.clip(np.searchsorted(bout.boundaries, samples, side="right") - 1, 0, len(scores) - 1)
            phase = (samples - bout.boundaries[stride]) / bout.periods[stride]
            residuals.append((bout.signal[samples] - _evaluate(explained[stride], phase)) / level)
            phases.append(phase)
    bins = [np.minimum((phase * ENVELOPE_BINS).astype(np.int64), ENVELOPE_BINS - 1) for phase in phases]
    power = np.concatenate([(residual**2).sum(axis=1) for residual in residuals])
    place = np.concatenate(bins)
    envelope = np.sqrt(np.bincount(place, power) / np.bincount(place))
    envelope = envelope / np.sqrt((envelope**2).mean())
    levelled = [residual / envelope[b][:, None] for residual, b in zip(residuals, bins, strict=True)]
    return [residual - residual.mean(axis=0) for residual in levelled], envelope


def _evaluate(coefficients: FloatArray, phase: FloatArray) -> FloatArray:
    """Return the Fourier series with coefficients ``(n, 3, 1 + 2 * harmonics)`` at phases ``(n,)``, as ``(n, 3)``."""
    harmonics = (coefficients.shape[2] - 1) // 2
    angle = 2 * np.pi * phase[:, None] * np.arange(1, harmonics + 1)
    basis = np.empty((len(phase), 1 + 2 * harmonics))
    basis[:, 0] = 1
    basis[:, 1::2] = np.cos(angle)
    basis[:, 2::2] = np.sin(angle)
    values: FloatArray = np.einsum("nah,nh->na", coefficients, basis)
    return values
