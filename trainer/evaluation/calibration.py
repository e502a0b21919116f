"""Whether a network's confidence is worth what it says: a class given 0.8 should be right 8 times of 10."""

import msgspec
import numpy as np
from numpy.typing import NDArray

BINS = 10


class ConfidenceBin(msgspec.Struct, frozen=True):
    """Windows whose largest probability lies from `low` to `high`.

    Attributes
    ----------
    low, high : float
        Bounds; the upper one belongs to it.
    windows : int
        How many there are.
    confidence, accuracy : float
        The mean of their largest probability, and the share that was right; both 0 where there is none.
    """

    low: float
    high: float
    windows: int
    confidence: float
    accuracy: float


class Calibration(msgspec.Struct, frozen=True):
    """How far confidence and accuracy lie apart.

    Attributes
    ----------
    error : float
        Expected calibration error: their distance in each bin, averaged over windows; 0 is best.
    bins : list of ConfidenceBin
        Of equal width.
    """

    error: float
    bins: list[ConfidenceBin]


def calibration(confidence: NDArray[np.floating], right: NDArray[np.bool_], bins: int = BINS) -> Calibration:
    """Measure the calibration of the most probable class, whatever the threshold for unknown.

    After C. Guo, G. Pleiss, Y. Sun and K. Weinberger, "On calibration of modern neural networks" (2017), equation 3.

    Parameters
    ----------
    confidence : ndarray of float, shape (n,)
        Each window's largest probability.
    right : ndarray of bool, shape (n,)
        Whether that class is the true one.
    bins : int
        How many bins of equal width.

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
