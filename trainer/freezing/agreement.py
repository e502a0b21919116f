"""How far a frozen network's answers are from the trained network's."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from har.answers import decide_all
from trainer.freezing.predictors import Predictor
from trainer.freezing.traced import Model

#: Largest difference of a probability between the Keras network and a form that computes the same in float32. Formats
#: add up in different orders; of thousands of windows, the worst was 3e-5 away.
AGREEMENT = 1e-4


class Agreement(NamedTuple):
    """How well two networks agree on the same windows.

    Attributes
    ----------
    largest_difference : float
        Of a probability.
    same_answer : float
        Share of the windows, 0 to 1, that both give the same answer to.
    """

    largest_difference: float
    same_answer: float


def trained_answers(model: Model, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the trained network's probabilities, float32 (n, classes), for normalised windows (n, steps, 3)."""
    return np.asarray(model.predict(windows, batch_size=256, verbose=0), np.float32)


def measure_agreement(
    trained: NDArray[np.float32], predict: Predictor, windows: NDArray[np.float32], threshold: float = 0.0
) -> Agreement:
    """Compare a frozen network's answers with the trained one's.

    Parameters
    ----------
    trained : ndarray of float32, shape (n, classes)
        The trained network's probabilities.
    predict : callable
        The frozen network.
    windows : ndarray of float32, shape (n, steps, 3)
        Normalised windows, at least one.
    threshold : float
        The release's `decision_threshold`: an answer below it is unknown, and unknown is an answer here.
    """
    frozen = predict(windows)
    same = decide_all(frozen, threshold) == decide_all(trained, threshold)
    return Agreement(float(np.abs(frozen - trained).max()), float(same.mean()))
