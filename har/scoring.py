"""Scores of a network's predictions: accuracy, F1 and the confusion matrix.

Scores follow the usual definitions (Sokolova and Lapalme, *A systematic analysis of performance measures
for classification tasks*, 2009): macro-F1 is the plain mean of the F1 of every class that occurs.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from har.releases import ClassScore, Scores


def equal_shares(groups: ArrayLike) -> NDArray[np.float64]:
    """Return a weight for each window, so that all groups weigh the same and the weights sum to 1.

    Parameters
    ----------
    groups : array-like, shape (n,)
        The group of each window, such as its label or its data set.

    Examples
    --------
    >>> equal_shares(["sit", "walk", "walk"]).tolist()
    [0.5, 0.25, 0.25]
    """
    _, numbers, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return np.asarray(1 / counts[numbers] / len(counts), np.float64)


def confusion_matrix(
    truth: NDArray[np.integer], predicted: NDArray[np.integer], classes: int, *, unknown: bool = False
) -> NDArray[np.int64]:
    """Count windows by true class (rows) and predicted class (columns).

    Parameters
    ----------
    truth, predicted : ndarray of int, shape (n,)
        Class indices of each window.
    classes : int
        The number of classes.
    unknown : bool
        Whether to add a last column for the predicted index `classes`, see `har.decisions.decide_all`.

    Examples
    --------
    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 2, 1]), 2, unknown=True).tolist()
    [[1, 0, 1], [0, 1, 0]]
    """
    columns = classes + unknown
    counts = np.bincount(truth * columns + predicted, minlength=classes * columns)
    return counts.reshape(classes, columns).astype(np.int64)


def scores(confusion: NDArray[np.int64], classes: Sequence[str]) -> Scores:
    """Score a confusion matrix of shape (classes, classes), or with one more column for unknown; rows are the truth.

    `macro_f1` leaves out a class without windows. A window of a class that was predicted as unknown counts as wrong.

    Raises
    ------
    ValueError
        If the matrix counts no window.
    """
    total = int(confusion.sum())
    if not total:
        raise ValueError("no window to score")
    right = np.diag(confusion).astype(np.float64)
    predicted = confusion.sum(axis=0)[: len(classes)].astype(np.float64)
    actual = confusion.sum(axis=1).astype(np.float64)
    precision = np.divide(right, predicted, out=np.zeros_like(right), where=predicted > 0)
    recall = np.divide(right, actual, out=np.zeros_like(right), where=actual > 0)
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(right), where=both > 0)
    per_class = {
        name: ClassScore(float(precision[n]), float(recall[n]), float(f1[n]), int(actual[n]))
        for n, name in enumerate(classes)
    }
    return Scores(float(right.sum()) / total, float(f1[actual > 0].mean()), per_class)
