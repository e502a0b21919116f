"""From a network's probabilities to an activity, or to `UNKNOWN` with what else it may be.

A network's probabilities always sum to 1, also for a phone on a table or a wearer who jumps. Two rules keep such
windows from being called an activity:

- A network may distinguish kinds of **background** beside its classes: movements, or none, that are no activity, such
  as a table or a vehicle. If their probabilities sum to more than the release allows, the activity is unknown (the
  background class of A. R. Dhamija, M. Günther and T. Boult, "Reducing network agnostophobia", NeurIPS 2018). The most
  probable kind is named if it is probable enough.
- The most probable class counts only if its probability reaches the release's `decision_threshold` (the maximum softmax
  probability of D. Hendrycks and K. Gimpel, "A baseline for detecting misclassified and out-of-distribution examples in
  neural networks", ICLR 2017).

All code that turns probabilities into an activity uses this module.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: The activity of a window that shows none of the release's classes. No class may have this name.
UNKNOWN = "unknown"
_NOTHING: Mapping[str, float] = {}


class Thresholds(NamedTuple):
    """When a class, or a kind of background, is named; a release's manifest has the values.

    Attributes
    ----------
    decision : float
        Least probability of the most probable class; with 0, it needs none.
    background : float
        Largest sum of the probabilities of the kinds of background with which a class is named.
    kind : float
        Least probability of the most probable kind of background.
    """

    decision: float = 0.0
    background: float = 1.0
    kind: float = 0.5


#: The most probable class is always named.
NO_THRESHOLDS = Thresholds()


class Decision(NamedTuple):
    """The predicted activity of one window.

    Attributes
    ----------
    activity : str
        The most probable class, or `UNKNOWN`.
    confidence : float
        The class's probability; for `UNKNOWN`, 1 minus the largest probability of a class.
    kind : str or None
        For `UNKNOWN`: the kind of background that it is, if one is probable enough.
    """

    activity: str
    confidence: float
    kind: str | None = None


def decide(
    probabilities: Mapping[str, float], thresholds: Thresholds, background: Mapping[str, float] = _NOTHING
) -> Decision:
    """Return the activity for one window's probabilities.

    Parameters
    ----------
    probabilities : mapping of str to float
        By class, in the order of the release. If two are equal, the first one wins.
    thresholds : Thresholds
        The release's thresholds.
    background : mapping of str to float
        By kind of background, in the order of the release.

    Examples
    --------
    >>> decide({"sit": 0.5, "walk": 0.25, "stand": 0.25}, Thresholds(0.5))
    Decision(activity='sit', confidence=0.5, kind=None)
    >>> decide({"sit": 0.5, "walk": 0.25, "stand": 0.25}, Thresholds(0.75))
    Decision(activity='unknown', confidence=0.5, kind=None)
    >>> decide({"sit": 0.25, "walk": 0.125}, Thresholds(0.0, 0.5), {"table": 0.625})
    Decision(activity='unknown', confidence=0.75, kind='table')
    """
    best = max(probabilities, key=lambda name: probabilities[name])
    none_of_them = 0.0
    for share in background.values():  # in their order, so that every implementation rounds alike
        none_of_them += share
    if probabilities[best] >= thresholds.decision and none_of_them <= thresholds.background:
        return Decision(best, probabilities[best])
    kind = max(background, key=lambda name: background[name]) if background else None
    if kind is not None and background[kind] < thresholds.kind:
        kind = None
    return Decision(UNKNOWN, 1.0 - probabilities[best], kind)


def no_opinion(classes: Sequence[str]) -> dict[str, float]:
    """Return the probabilities of a window that was not classified: each class is as probable as any other.

    Examples
    --------
    >>> no_opinion(["sit", "walk"])
    {'sit': 0.5, 'walk': 0.5}
    """
    return dict.fromkeys(classes, 1 / len(classes))


def decide_all(probabilities: NDArray[np.floating], thresholds: Thresholds, classes: int) -> NDArray[np.int64]:
    """Return the activities of many windows, exactly as :func:`decide` does.

    Parameters
    ----------
    probabilities : ndarray of float, shape (n, outputs)
        One row per window: the classes, then the kinds of background.
    thresholds : Thresholds
        The release's thresholds.
    classes : int
        Number of classes.

    Returns
    -------
    ndarray of int64, shape (n,)
        Index of the class; `classes` (one past the last index) stands for `UNKNOWN`.

    Examples
    --------
    >>> decide_all(np.array([[0.9, 0.1], [0.4, 0.6]]), Thresholds(0.75), 2).tolist()
    [0, 2]
    """
    of_classes = probabilities[:, :classes]
    decided = of_classes.argmax(axis=1).astype(np.int64)
    # Compare in float64: NumPy would otherwise round the threshold to float32.
    decided[of_classes.max(axis=1).astype(np.float64) < thresholds.decision] = classes
    decided[background_share(probabilities, classes) > thresholds.background] = classes
    return np.asarray(decided)


def kinds_named(probabilities: NDArray[np.floating], thresholds: Thresholds, classes: int) -> NDArray[np.int64]:
    """Return the kinds of background of many windows, exactly as :func:`decide` does.

    Parameters
    ----------
    probabilities, thresholds, classes
        As for :func:`decide_all`.

    Returns
    -------
    ndarray of int64, shape (n,)
        Column of the kind; -1 if none is named.
    """
    named = np.full(len(probabilities), -1, np.int64)
    of_kinds = probabilities[:, classes:].astype(np.float64)
    if of_kinds.shape[1]:
        unknown = decide_all(probabilities, thresholds, classes) == classes
        chosen = unknown & (of_kinds.max(axis=1) >= thresholds.kind)
        named[chosen] = of_kinds[chosen].argmax(axis=1) + classes
    return named


def background_share(probabilities: NDArray[np.floating], classes: int) -> NDArray[np.float64]:
    """Return the sum of each window's probabilities of background, added in their order.

    Parameters
    ----------
    probabilities : ndarray of float, shape (n, outputs)
        As for :func:`decide_all`.
    classes : int
        Number of classes.

    Returns
    -------
    ndarray of float64, shape (n,)
        0 without kinds of background.
    """
    share = np.zeros(len(probabilities))
    for column in range(classes, probabilities.shape[1]):
        share += probabilities[:, column]
    return share
