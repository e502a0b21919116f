"""Compare the probabilities of a frozen network with those of the trained one."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from har.decisions import NO_THRESHOLDS, Thresholds, decide_all
from trainer.freezing.predictors import Predictor
from trainer.freezing.traced import Model

#: Largest allowed difference of a probability between the Keras network and a float32 format. Formats sum in different
#: orders; the largest difference on thousands of windows was 3e-5.
AGREEMENT = 1e-4


class Agreement(NamedTuple):
    """Agreement of two networks on the same windows.

    Attributes
    ----------
    largest_difference : float
        Largest difference of a probability.
    same_prediction : float
        Share of windows, 0 to 1, with the same prediction.
    """

    largest_difference: float
    same_prediction: float


def trained_probabilities(model: Model, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the network's probabilities, float32 ``(n, classes)``, for normalised windows ``(n, steps, 3)``."""
    return np.asarray(model.predict(windows, batch_size=256, verbose=0), np.float32)


def measure_agreement(
    trained: NDArray[np.float32],
    predict: Predictor,
    windows: NDArray[np.float32],
    thresholds: Thresholds = NO_THRESHOLDS,
    kinds: int = 0,
) -> Agreement:
    """Compare the probabilities of a frozen network with those of the trained one.

    Parameters
    ----------
    trained : ndarray of float32, shape (n, classes)
        Probabilities of the trained network.
    predict : callable
        The frozen network.
    windows : ndarray of float32, shape (n, steps, 3)
        Normalised windows, at least one.
    thresholds : Thresholds
        The release's thresholds. Unknown counts as a prediction.
    kinds : int
        Number of the outputs that are kinds of background.
    """
    frozen, classes = predict(windows), trained.shape[1] - kinds
    same = decide_all(frozen, thresholds, classes) == decide_all(trained, thresholds, classes)
    return Agreement(float(np.abs(frozen - trained).max()), float(same.mean()))
