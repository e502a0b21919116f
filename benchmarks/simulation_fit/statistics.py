"""Statistics over wearers: joint distribution, spectra and variation.

Part of :mod:`benchmarks.simulation_fit.fitting`.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.signal import welch

from ingest.simulation.parameters import JointQuantity, Spectrum

FloatArray = NDArray[np.float64]


def joint_quantities(
    values: Mapping[str, FloatArray], weights: Mapping[str, float], components: int
) -> dict[str, JointQuantity]:
    """Fit one normal distribution to all quantities of the wearers by principal components.

    Parameters
    ----------
    values
        Values by quantity, one row per wearer, ``(wearers, d)``.
    weights
        Factors by quantity that make their differences comparable with m/s² before the components are computed.
    components
        Number of principal axes that all quantities share; the remaining variance is each quantity's own.
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
        Signals with zero mean, float64 ``(n, 3)`` each.
    rate_hz
        Sample rate, Hz.
    edges
        Edges of the bands, Hz; the density is given at the bands' geometric centres and at the outer edges.
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
    """Return the pooled correlation of successive values in groups, clipped to 0 to 0.95.

    Parameters
    ----------
    groups
        Values with zero mean over all groups.
    within
        Whether to remove each group's own mean first, because it is modelled separately; otherwise it counts as
        correlation.
    """
    centred = [group - group.mean() if within else group for group in groups if len(group) > 1]
    first = np.concatenate([group[:-1] for group in centred])
    second = np.concatenate([group[1:] for group in centred])
    return float(np.clip((first * second).sum() / np.sqrt((first**2).sum() * (second**2).sum()), 0, 0.95))


def nested_spread(groups: Sequence[FloatArray]) -> tuple[float, float]:
    """Split the variation of zero-mean values into parts between and within groups by analysis of variance.

    Returns
    -------
    between, within
        Standard deviations; the sampling error of the groups' means is removed from `between`.
    """
    groups = [group for group in groups if len(group) > 3]
    within = sum(((group - group.mean()) ** 2).sum() for group in groups)
    within /= sum(len(group) - 1 for group in groups)
    means = np.array([group.mean() for group in groups])
    size = float(np.mean([len(group) for group in groups]))
    between = max(float((means**2).mean() - within / size), 0.0)
    return float(np.sqrt(between)), float(np.sqrt(within))


def rounded(values: FloatArray, decimals: int) -> list[float]:
    """Return the values rounded to `decimals` decimals, without negative zeros."""
    return [round(float(value), decimals) + 0.0 for value in values]


def significant(values: FloatArray) -> list[float]:
    """Return the values rounded to three significant digits."""
    return [float(f"{value:.3g}") for value in values]
