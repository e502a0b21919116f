"""Fit sitting and standing: orientation, slow sway, tremor and fidgets.

Part of :mod:`benchmarks.simulation_fit.fitting`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.signal import butter, sosfiltfilt
from scipy.stats import norm, rankdata

from benchmarks.simulation_fit.statistics import (
    FloatArray,
    lag_one_correlation,
    lower_factor,
    rounded,
    spectrum,
)
from ingest.simulation.motion import LARGEST_DEVIATION
from ingest.simulation.parameters import AXES, LevelProcess, PostureParameters

SWAY_LIMIT_HZ = 0.5
SWAY_BANDS = (0.12, 0.2, 0.35, 0.5, 0.75)
SWAY_FRAME_SECONDS = 4.0
TREMOR_FRAME_SECONDS = 1.0
TREMOR_BANDS = (0.5, 1.5, 2.5, 3.5, 5.5, 7.5, 9.5, 12.5, 16.5, 20.5, 25.1)
LEVEL_QUANTILES = 21
SMALLEST_LEVEL = 1e-3
NOISE_QUANTILE = 0.05
AT_REST = 1.7


@dataclass(frozen=True, kw_only=True)
class PostureFit:
    """The fit of one posture.

    Attributes
    ----------
    by_wearer
        Quantities of the joint distribution, one row per wearer, ``(wearers, d)`` each.
    shared
        Parameters that all wearers share, by field of `PostureParameters`.
    recording_noise
        Noise of the recording device at rest, m/s², per axis.
    """

    by_wearer: dict[str, FloatArray]
    shared: dict[str, Any]
    recording_noise: float

    def parameters(self, quantities: Mapping[str, Any]) -> PostureParameters:
        """Return the parameters, from the joint distribution's quantities and the shared ones."""
        return PostureParameters(**quantities, **self.shared)


@dataclass(frozen=True, kw_only=True)
class _Parts:
    mean: FloatArray
    sway: FloatArray
    tremor: FloatArray
    sway_levels: FloatArray
    tremor_levels: FloatArray


def fit_posture(occasions: Sequence[Sequence[FloatArray]], rate_hz: float) -> PostureFit:
    """Fit one posture to all occasions of wear, given as bouts in m/s², float64 ``(n, 3)`` each, at `rate_hz`."""
    parts = [[_parts(signal, rate_hz) for signal in bouts] for bouts in occasions]
    everything = [part for bouts in parts for part in bouts]
    floor = float(np.quantile(np.concatenate([part.tremor_levels for part in everything]), NOISE_QUANTILE))
    gravity = np.array([np.mean([part.mean for part in bouts], axis=0) for bouts in parts])
    sway = [[np.log(part.sway_levels + SMALLEST_LEVEL) for part in bouts] for bouts in parts]
    tremor = [[_log_above(part.tremor_levels, floor) for part in bouts] for bouts in parts]
    sway_medians, sway_process = _level_process(sway, SWAY_FRAME_SECONDS)
    tremor_medians, tremor_process = _level_process(tremor, TREMOR_FRAME_SECONDS)
    normalised_sway = [_normalise(part.sway, part.sway_levels, SWAY_FRAME_SECONDS * rate_hz) for part in everything]
    # Frames at rest contain the recording device's noise; only frames clearly above it show the wearer's tremor.
    normalised_tremor = [
        frame
        for part in everything
        for frame in _normalise_frames(part.tremor, part.tremor_levels, rate_hz)[part.tremor_levels > AT_REST * floor]
    ]
    return PostureFit(
        by_wearer={"gravity": gravity, "log_levels": np.column_stack([sway_medians, tremor_medians])},
        shared={
            "gravity_mixing": lower_factor(_bout_deviations(parts)),
            "sway": spectrum(normalised_sway, rate_hz, SWAY_BANDS),
            "tremor": spectrum(normalised_tremor, rate_hz, TREMOR_BANDS),
            "sway_level": sway_process,
            "tremor_level": tremor_process,
        },
        recording_noise=floor / float(np.sqrt(AXES)),
    )


def _level_process(
    log_levels: Sequence[Sequence[FloatArray]], frame_seconds: float
) -> tuple[list[float], LevelProcess]:
    """Return the wearers' median log levels, and the variation of the levels around them."""
    medians = [float(np.median(np.concatenate(bouts))) for bouts in log_levels]
    around = [bout - median for bouts, median in zip(log_levels, medians, strict=True) for bout in bouts]
    pooled = np.concatenate(around)
    scores = norm.ppf((rankdata(pooled) - 0.5) / len(pooled))
    probabilities = norm.cdf(np.linspace(-LARGEST_DEVIATION, LARGEST_DEVIATION, LEVEL_QUANTILES))
    groups = np.split(scores, np.cumsum([len(bout) for bout in around])[:-1])
    return medians, LevelProcess(
        frame_seconds=frame_seconds,
        quantiles=rounded(np.quantile(pooled, probabilities), 3),
        correlation=round(lag_one_correlation(groups, within=False), 3),
    )


def _bout_deviations(parts: Sequence[Sequence[_Parts]]) -> FloatArray:
    """Return the deviations of the bouts' means from the wearer's mean, ``(bouts, 3)``.

    Their covariance is too small, as the wearer's mean is computed from the same few bouts; the covariance of the
    wearers' means is too large by the same amount, so that the sum is right.
    """
    rows = []
    for bouts in parts:
        means = np.array([part.mean for part in bouts])
        if len(means) > 1:
            rows.append(means - means.mean(axis=0))
    return np.concatenate(rows)


def _parts(signal: FloatArray, rate_hz: float) -> _Parts:
    mean = signal.mean(axis=0)
    low = sosfiltfilt(butter(2, SWAY_LIMIT_HZ, fs=rate_hz, output="sos"), signal - mean, axis=0)
    tremor = signal - mean - low
    return _Parts(
        mean=mean,
        sway=low - low.mean(axis=0),
        tremor=tremor,
        sway_levels=_frame_levels(low, int(SWAY_FRAME_SECONDS * rate_hz)),
        tremor_levels=_frame_levels(tremor, int(TREMOR_FRAME_SECONDS * rate_hz)),
    )


def _frame_levels(signal: FloatArray, size: int) -> FloatArray:
    """Return the standard deviation of the three axes together in successive frames of `size` samples."""
    frames = signal[: len(signal) // size * size].reshape(-1, size, 3)
    levels: FloatArray = np.sqrt(frames.var(axis=1).sum(axis=1))
    return levels


def _log_above(levels: FloatArray, floor: float) -> FloatArray:
    """Return log levels without the recording device's noise, as the simulated phone adds its own."""
    logs: FloatArray = np.log(np.sqrt(np.maximum(levels**2 - floor**2, (0.3 * floor) ** 2)))
    return logs


def _normalise(signal: FloatArray, levels: FloatArray, frame: float) -> FloatArray:
    """Return the signal scaled to the same level in every frame, so that fidgets do not dominate."""
    return _normalise_frames(signal, levels, frame).reshape(-1, 3)


def _normalise_frames(signal: FloatArray, levels: FloatArray, frame: float) -> FloatArray:
    size = int(frame)
    frames = signal[: len(levels) * size].reshape(-1, size, 3)
    centred = frames - frames.mean(axis=1, keepdims=True)
    normalised: FloatArray = centred / (levels + SMALLEST_LEVEL)[:, None, None]
    return normalised
