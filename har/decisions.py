"""From a network's probabilities to an activity, or to `UNKNOWN` if no class is probable enough.

A network's probabilities always sum to 1, also for a phone on a table or a wearer who lies down. The most probable
class therefore counts only if its probability reaches the release's `decision_threshold` (the maximum softmax
probability of D. Hendrycks and K. Gimpel, "A baseline for detecting misclassified and out-of-distribution examples in
neural networks", ICLR 2017). All code that turns probabilities into an activity uses this module.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: The activity of a window that shows none of the release's classes. No class may have this name.
UNKNOWN = "unknown"


class Decision(NamedTuple):
    """The predicted activity of one window.

    Attributes
    ----------
    activity : str
        The most probable class, or `UNKNOWN`.
    confidence : float
        The class's probability; for `UNKNOWN`, 1 minus the largest probability.
    """

    activity: str
    confidence: float


def decide(probabilities: Mapping[str, float], threshold: float) -> Decision:
    """Return the activity for one window's probabilities.

    Parameters
    ----------
    probabilities : mapping of str to float
        By class, in the order of the release. If two are equal, the first one wins.
    threshold : float
        The release's `decision_threshold`; with 0, the most probable class always wins.

    Examples
    --------
    >>> decide({"sit": 0.5, "walk": 0.25, "stand": 0.25}, 0.5)
    Decision(activity='sit', confidence=0.5)
    >>> decide({"sit": 0.5, "walk": 0.25, "stand": 0.25}, 0.75)
    Decision(activity='unknown', confidence=0.5)
    """
    best = max(probabilities, key=lambda name: probabilities[name])
    if probabilities[best] < threshold:
        return Decision(UNKNOWN, 1.0 - probabilities[best])
    return Decision(best, probabilities[best])


def no_opinion(classes: Sequence[str]) -> dict[str, float]:
    """Return the probabilities of a window that was not classified: each class is as probable as any other.

    Examples
    --------
    >>> no_opinion(["sit", "walk"])
    {'sit': 0.5, 'walk': 0.5}
    """
    return dict.fromkeys(classes, 1 / len(classes))


def decide_all(probabilities: NDArray[np.floating], threshold: float) -> NDArray[np.int64]:
    """Return the activities of many windows, exactly as :func:`decide` does.

    Parameters
    ----------
    probabilities : ndarray of float, shape (n, classes)
        One row per window.
    threshold : float
        The release's `decision_threshold`.

    Returns
    -------
    ndarray of int64, shape (n,)
        Index of the class; `classes` (one past the last index) stands for `UNKNOWN`.

    Examples
    --------
    >>> decide_all(np.array([[0.9, 0.1], [0.4, 0.6]]), 0.75).tolist()
    [0, 2]
    """
    decided = probabilities.argmax(axis=1).astype(np.int64)
    # Compare in float64: NumPy would otherwise round the threshold to float32.
    decided[probabilities.max(axis=1).astype(np.float64) < threshold] = probabilities.shape[1]
    return np.asarray(decided)
