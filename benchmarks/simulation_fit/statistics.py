"""Statistics over wearers, for the fit: joint distribution, spectra, variation.

A development tool for :mod:`benchmarks.simulation_fit.fitting` (needs scipy).
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.signal import welch

from ingest.simulation.parameters import JointQuantity, Spectrum

FloatArray = NDArray[np.float64]

NORMAL_CLIP = 2.5


def joint_quantities(
    values: Mapping[str, FloatArray], weights: Mapping[str, float], components: int
) -> dict[str, JointQuantity]:
    """Fit one normal distribution over all quantities of the wearers by principal components.

    Parameters
    ----------
    values
        By quantity, one row a wearer, ``(wearers, d)``.
    weights
        By quantity, the factor that makes its differences comparable with m/s² before the components are sought.
    components
        How many principal axes all quantities share; the rest of the variance becomes each quantity's own.
    """
    names = list(values)
    wearers = len(values[names[0]])
    decimals = {name: 0 if values[name].shape[1] > 3 else 3 for name in names}
    stacked = np.concatenate([values[name] * weights[name] for name in names], axis=1)
    deviations = (stacked - stacked.mean(axis=0)) / np.sqrt(wearers - 1)
    _, singular, axes = np.linalg.svd(deviations, full_matrices=False)
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    loadings = (signs * singular)[:components, None] * axes[:components]
    residual = np.sqrt(np.maximum((deviations**2).sum(axis=0) - (loadings**2).sum(axis=0), 0.0))
    quantities: dict[str, JointQuantity] = {}
    start = 0
    for name in names:
        stop = start + values[name].shape[1]
        weight = weights[name]
        quantities[name] = JointQuantity(
            mean=rounded(values[name].mean(axis=0), decimals[name]),
            loadings=[rounded(row[start:stop] / weight, decimals[name]) for row in loadings],
            residual=rounded(residual[start:stop] / weight, decimals[name]),
        )
        start = stop
    return quantities


def spectrum(signals: Sequence[FloatArray], rate_hz: float, edges: Sequence[float]) -> Spectrum:
    """Return the mean spectrum of signals, averaged in bands, with the axes' spread and correlation.

    Parameters
    ----------
    signals
        Float64 ``(n, 3)`` each, zero mean.
    rate_hz
        Their sample rate.
    edges
        Of the bands, Hz; the density is stated at their geometric centres, and at the outer edges.
    """
    densities, weights = [], []
    length = min(max(len(signal) for signal in signals), int(rate_hz * 20))
    for signal in signals:
        if len(signal) < length // 2:
            continue
        padded = np.zeros((max(len(signal), length), 3))
        padded[: len(signal)] = signal
        frequencies, density = welch(padded, rate_hz, nperseg=length, axis=0, detrend=False)
        densities.append(density * len(padded) / len(signal))
        weights.append(len(signal))
    mean = np.average(densities, axis=0, weights=weights)
    total = np.concatenate(signals)
    covariance = total.T @ total / len(total)
    spread = np.sqrt(np.diag(covariance))
    mixing = np.linalg.cholesky(covariance / np.outer(spread, spread))
    bands = [mean[(frequencies >= low) & (frequencies < high)].mean(axis=0) for low, high in pairwise(edges)]
    relative = np.array([bands[0], *bands, bands[-1]])
    relative = relative / relative.max(axis=0)
    centres = np.sqrt(np.multiply(edges[:-1], edges[1:]))
    return Spectrum(
        frequencies=rounded(np.array([edges[0], *centres, edges[-1]]), 3),
        density=[significant(row) for row in relative.T],
        spread=significant(spread),
        mixing=[rounded(row, 3) for row in mixing],
    )


def lower_factor(deviations: FloatArray) -> list[list[float]]:
    """Return the lower triangular factor of the covariance of zero-mean rows, ``(3, 3)``."""
    covariance = deviations.T @ deviations / len(deviations)
    return [rounded(row, 3) for row in np.linalg.cholesky(covariance + 1e-6 * np.eye(3))]


def lag_one_correlation(groups: Sequence[FloatArray], *, within: bool) -> float:
    """Return the pooled correlation of successive values in groups, never below 0.

    Parameters
    ----------
    groups
        Zero-mean values over all groups.
    within
        Whether each group's own mean is removed first (it is modelled apart), or counts as correlation.
    """
    centred = [group - group.mean() if within else group for group in groups if len(group) > 1]
    first = np.concatenate([group[:-1] for group in centred])
    second = np.concatenate([group[1:] for group in centred])
    return float(np.clip((first * second).sum() / np.sqrt((first**2).sum() * (second**2).sum()), 0, 0.95))


def nested_spread(groups: Sequence[FloatArray]) -> tuple[float, float]:
    """Split the variation of zero-mean values into that between and that within groups.

    Returns
    -------
    between, within
        Standard deviations (analysis of variance; the between part has the sampling error of the means removed).
    """
    groups = [group for group in groups if len(group) > 3]
    within = sum(((group - group.mean()) ** 2).sum() for group in groups)
    within /= sum(len(group) - 1 for group in groups)
    means = np.array([group.mean() for group in groups])
    size = float(np.mean([len(group) for group in groups]))
    between = max(float((means**2).mean() - within / size), 0.0)
    return float(np.sqrt(between)), float(np.sqrt(within))


def rounded(values: FloatArray, decimals: int) -> list[float]:
    """Return a list with few decimals."""
    return [round(float(value), decimals) + 0.0 for value in values]


def significant(values: FloatArray) -> list[float]:
    """Return a list with three significant digits."""
    return [float(f"{value:.3g}") for value in values]
