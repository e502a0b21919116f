"""How well a network does on people it has not seen."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from har.releases import Normalisation, Scores
from har.scoring import confusion_matrix, scores
from trainer.data_sets import placement_of
from trainer.examples import Examples

#: From normalised windows (n, steps, 3) to probabilities (n, classes).
Predictor = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def confusion_by_placement(
    predict: Predictor, examples: Examples, classes: Sequence[str], normalisation: Normalisation
) -> dict[str, NDArray[np.int64]]:
    """Count answers against the truth, apart for each placement of the phone.

    Parameters
    ----------
    predict : callable
        The network, from normalised windows to probabilities.
    examples : Examples
        Windows of the network's length, m/s².
    classes : sequence of str
        What the labels index.
    normalisation : Normalisation
        Applied before the network.

    Returns
    -------
    dict of str to ndarray of int64, shape (classes, classes)
        By placement; rows are the truth.
    """
    answers = predict(normalisation.apply(examples.values)).argmax(axis=1)
    placements = np.array([placement_of(person) for person in examples.people.tolist()], np.str_)
    return {
        str(placement): confusion_matrix(
            examples.labels[placements == placement], answers[placements == placement], len(classes)
        )
        for placement in np.unique(placements)
    }


def scores_by_placement(
    confusions: dict[str, NDArray[np.int64]], protocol: str, classes: Sequence[str]
) -> dict[str, Scores]:
    """Score each placement's confusion matrix, under the name ``"protocol, placement"``."""
    return {f"{protocol}, {name}": scores(counts, classes) for name, counts in sorted(confusions.items())}
