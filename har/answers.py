"""From a release's probabilities to its answer: an activity, or `UNKNOWN` where none is probable enough.

A network always spreads a probability of 1 over its classes, also for a phone on a table or somebody lying down. An
answer therefore counts only if the largest probability reaches the release's `decision_threshold` (the maximum
softmax probability of D. Hendrycks and K. Gimpel, "A baseline for detecting misclassified and out-of-distribution
examples in neural networks", ICLR 2017). Everything that turns probabilities into an activity does it here.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: The answer for what is none of the release's classes. No class may have this name.
UNKNOWN = "unknown"


class Decision(NamedTuple):
    """What counts as the answer for one window.

    Attributes
    ----------
    activity : str
        The most probable class, or `UNKNOWN`.
    confidence : float
        The class's probability; of `UNKNOWN`, what the most probable class lacks to 1.
    """

    activity: str
    confidence: float


def decide(probabilities: Mapping[str, float], threshold: float) -> Decision:
    """Decide what one window's probabilities mean.

    Parameters
    ----------
    probabilities : mapping of str to float
        By class, in the order of the release; of equal ones the first counts.
    threshold : float
        The release's `decision_threshold`; with 0, the most probable class always counts.

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


def decide_all(probabilities: NDArray[np.floating], threshold: float) -> NDArray[np.int64]:
    """Decide what many windows' probabilities mean, exactly as :func:`decide`.

    Parameters
    ----------
    probabilities : ndarray of float, shape (n, classes)
        A row a window.
    threshold : float
        The release's `decision_threshold`.

    Returns
    -------
    ndarray of int64, shape (n,)
        The class's number; the number of classes stands for `UNKNOWN`.

    Examples
    --------
    >>> decide_all(np.array([[0.9, 0.1], [0.4, 0.6]]), 0.75).tolist()
    [0, 2]
    """
    answers = probabilities.argmax(axis=1).astype(np.int64)
    # As float64: NumPy would otherwise round the threshold to the probabilities' float32.
    answers[probabilities.max(axis=1).astype(np.float64) < threshold] = probabilities.shape[1]
    return np.asarray(answers)
