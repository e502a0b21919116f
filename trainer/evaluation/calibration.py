"""Calibration: how well confidence matches accuracy. Predictions with confidence 0.8 should be correct in 80 %."""

import msgspec
import numpy as np
from numpy.typing import NDArray

BINS = 10


class ConfidenceBin(msgspec.Struct, frozen=True):
    """Windows whose largest probability is above `low` and at most `high`.

    Attributes
    ----------
    low, high : float
        Bounds; `high` is included.
    windows : int
        Number of windows.
    confidence, accuracy : float
        Mean of the largest probability, and share of correct predictions; both 0 without windows.
    """

    low: float
    high: float
    windows: int
    confidence: float
    accuracy: float


class Calibration(msgspec.Struct, frozen=True):
    """Difference between confidence and accuracy.

    Attributes
    ----------
    error : float
        Expected calibration error: the mean over windows of the difference in their bin; 0 is best.
    bins : list of ConfidenceBin
        Bins of equal width.
    """

    error: float
    bins: list[ConfidenceBin]


def calibration(confidence: NDArray[np.floating], right: NDArray[np.bool_], bins: int = BINS) -> Calibration:
    """Measure the calibration of the most probable class, regardless of the threshold for unknown.

    See C. Guo, G. Pleiss, Y. Sun and K. Weinberger, "On calibration of modern neural networks" (2017), equation 3.

    Parameters
    ----------
    confidence : ndarray of float, shape (n,)
        Largest probability of each window.
    right : ndarray of bool, shape (n,)
        Whether that class is the ground truth.
    bins : int
        Number of bins of equal width.

    Examples
    --------
    >>> calibration(np.array([0.75, 0.75, 0.75, 0.75]), np.array([True, True, False, False])).error
    0.25
    """
    edges = np.linspace(0.0, 1.0, bins + 1)
    places = np.clip(np.ceil(np.asarray(confidence, np.float64) * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(places, minlength=bins)
    some = np.maximum(counts, 1)
    means = np.bincount(places, weights=confidence, minlength=bins) / some
    shares = np.bincount(places, weights=right, minlength=bins) / some
    error = float((counts * np.abs(means - shares)).sum() / max(1, counts.sum()))
    return Calibration(
        error,
        [
            ConfidenceBin(float(edges[n]), float(edges[n + 1]), int(counts[n]), float(means[n]), float(shares[n]))
            for n in range(bins)
        ],
    )
