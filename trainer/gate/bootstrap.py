"""Test whether one network is better than another for people in general, by a paired bootstrap over users.

Windows of one person resemble each other, so the bootstrap draws people, not windows: each resample draws as many users
as there are, with replacement, and scores both networks on all windows of the drawn users (B. Efron and R. Tibshirani,
"An Introduction to the Bootstrap", 1993, chapters 8 and 13).

With few users this interval is too narrow. It is expanded as in T. Hesterberg, "What teachers should know about the
bootstrap" (The American Statistician 69(4), 2015), section 3.1.3: the quantile moves outwards by the ratio of Student's
t to the normal distribution and of n to n - 1. With five or six users, 6 % of equally good simulated networks still
passed at a level of 5 %. The result is therefore the lower of this bound and that of the jackknife, which leaves out
each user once (Efron and Tibshirani, chapter 11).

A high confidence needs an extreme quantile, beyond which few resamples lie, so more resamples are drawn. If that would
take too many, the bound is the minimum over all resamples, including those of a single user; nothing is extrapolated.
"""

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

RESAMPLES = 10_000
CONFIDENCE = 0.95
#: Resamples that must be expected below a quantile to estimate it, and the most resamples drawn for that.
RESAMPLES_BELOW = 5
MOST_RESAMPLES = 50_000


@dataclass(frozen=True)
class PairedDifference:
    """Difference in macro-F1 between two networks.

    Attributes
    ----------
    difference : float
        Macro-F1 of the first minus that of the second, over all users' windows.
    lower_bound : float
        One-sided lower confidence bound of the difference: the lower of bootstrap and jackknife.
    users, resamples : int
        Number of users and of resamples.
    is_least : bool
        Whether the confidence needs more resamples than `MOST_RESAMPLES`. The bound of the bootstrap is then the
        minimum over all resamples.
    """

    difference: float
    lower_bound: float
    users: int
    resamples: int
    is_least: bool = False


def paired_difference(
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> PairedDifference:
    """Bound the difference in macro-F1 of two networks.

    Parameters
    ----------
    first, second : ndarray of int64, shape (users, classes, answers)
        Each user's confusion matrix for either network, with the same users in the same order. Rows are the ground
        truth; columns beyond the classes count as wrong.
    resamples : int
        Number of resamples; a high confidence raises it.
    confidence : float
        Confidence of the one-sided bound, between 0.5 and 1.
    seed : int
        Seed of the draws: the same matrices give the same bound.

    Raises
    ------
    ValueError
        If there are fewer than two users, the shapes differ, or the confidence is out of range.
    """
    if first.shape[:2] != second.shape[:2]:
        raise ValueError(f"both networks need the same users and classes, not {first.shape} and {second.shape}")
    users = len(first)
    if users < 2:
        raise ValueError("a bootstrap over users needs at least two users")
    if not 0.5 < confidence < 1:  # NaN must fail too
        raise ValueError(f"the confidence must be between 0.5 and 1, not {confidence}")
    share = expanded_share(1.0 - confidence, users)
    needed = RESAMPLES_BELOW / share if share > 0 else float("inf")
    is_least = needed > max(resamples, MOST_RESAMPLES)
    if not is_least:
        resamples = max(resamples, ceil(needed))
    # How often each user is drawn, the same for both networks.
    drawn = np.random.default_rng(seed).multinomial(users, np.full(users, 1 / users), size=resamples)
    found = _differences(drawn, first, second)
    if is_least:
        alone = _differences(users * np.eye(users, dtype=np.int64), first, second)
        bootstrap = min(float(found.min()), float(alone.min()))
    else:
        bootstrap = float(np.quantile(found, share))
    whole = float(_differences(np.ones((1, users), np.int64), first, second)[0])
    without_one = _differences(1 - np.eye(users, dtype=np.int64), first, second)
    error = sqrt((users - 1) * float(np.var(without_one)))
    jackknife = whole + float(stdtrit(users - 1, 1.0 - confidence)) * error
    return PairedDifference(whole, min(bootstrap, jackknife), users, resamples, is_least)


def macro_f1(confusions: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the macro-F1 of many confusion matrices, as `har.scoring.scores` does for one.

    Parameters
    ----------
    confusions : ndarray of int64, shape (n, classes, answers)
        Rows are the ground truth. Classes without a window are left out of the mean; without any window the score is 0.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    classes = confusions.shape[1]
    right = np.diagonal(confusions, axis1=1, axis2=2).astype(np.float64)
    actual = confusions.sum(axis=2)
    either = actual + confusions.sum(axis=1)[:, :classes]
    f1 = np.divide(2 * right, either, out=np.zeros_like(right), where=either > 0)
    occurs = actual > 0
    return np.asarray((f1 * occurs).sum(axis=1) / np.maximum(1, occurs.sum(axis=1)))


def expanded_share(share: float, users: int) -> float:
    """Return the quantile of the resamples that gives a bound its nominal confidence with few users.

    Examples
    --------
    With five users, the 0.9 % quantile replaces the 5 % quantile:

    >>> round(expanded_share(0.05, 5), 4)
    0.0086
    """
    return float(ndtr(sqrt(users / (users - 1)) * stdtrit(users - 1, share)))


def _differences(drawn: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float64]:
    return macro_f1(_summed(drawn, first)) - macro_f1(_summed(drawn, second))


def _summed(drawn: NDArray[np.int64], confusions: NDArray[np.int64]) -> NDArray[np.int64]:
    flat = drawn @ confusions.reshape(len(confusions), -1)
    return flat.reshape(len(drawn), *confusions.shape[1:])
