"""Calibrate a network: probabilities that are as sure as they are right.

Two numbers change its last layer. All outputs are divided by a **temperature** (C. Guo, G. Pleiss, Y. Sun and K.
Weinberger, "On calibration of modern neural networks", 2017, section 4.2). The outputs of the background are lowered by
a constant, because training shows far more background than daily use has (M. Saerens, P. Latinne and C. Decaestecker,
"Adjusting the outputs of a classifier to new a priori probabilities", 2002). Neither changes which class is the most
probable, and thresholds are chosen afterwards. Both are folded into the weights, so consumers need not know of them.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from har.scoring import equal_shares
from recording_files.data_sets import data_set_of
from trainer.evaluation.outcomes import Outcomes

# TensorFlow and tf-keras ship no type hints.
Model = Any

#: Share of windows of background that is assumed in use. Training shows 30 %.
BACKGROUND_SHARE = 0.05
#: Bounds of the temperature's logarithm, and of the constant.
_BOUNDS = ((-1.2, 1.2), (-1.0, 3.0))
#: A probability of 0 has no logarithm.
_SMALLEST = 1e-12


class Scaling(NamedTuple):
    """What calibrates a network.

    Attributes
    ----------
    temperature : float
        What all outputs are divided by; above 1 if the network is too sure.
    background : float
        What is subtracted from the outputs of the background after that.
    """

    temperature: float = 1.0
    background: float = 0.0


def best_scaling(
    probabilities: NDArray[np.float32], truth: NDArray[np.int64], weights: NDArray[np.float64], kinds: int = 0
) -> Scaling:
    """Return the scaling with the smallest negative log-likelihood.

    Parameters
    ----------
    probabilities : ndarray of float32, shape (n, outputs)
        Predictions for windows that the network was not trained on; at least one.
    truth : ndarray of int64, shape (n,)
        The right output of each.
    weights : ndarray of float64, shape (n,)
        Weight of each window; they sum to 1.
    kinds : int
        Number of the outputs, at the end, that are kinds of background.
    """
    logs = np.log(np.maximum(probabilities.astype(np.float64), _SMALLEST))
    rows = np.arange(len(truth))

    def loss(at: NDArray[np.float64]) -> float:
        return -float(weights @ _scaled_logs(logs, _scaling(at, kinds), kinds)[rows, truth])

    bounds = _BOUNDS if kinds else _BOUNDS[:1]
    found = minimize(loss, np.zeros(len(bounds)), method="L-BFGS-B", bounds=bounds)
    return _scaling(found.x, kinds)


def scaling_of(outcomes: Outcomes) -> Scaling:
    """Return the best scaling for predictions.

    The data sets of the windows of classes count equally, and together 1 - `BACKGROUND_SHARE`; the labels of background
    count equally, and together the rest.
    """
    scored = outcomes.take(outcomes.truth < outcomes.probabilities.shape[1])
    known = scored.known
    if not known.any():
        return Scaling()
    weights = np.zeros(len(scored))
    weights[known] = equal_shares([data_set_of(person) for person in scored.people[known].tolist()])
    if not known.all():
        weights[known] *= 1 - BACKGROUND_SHARE
        weights[~known] = BACKGROUND_SHARE * equal_shares(scored.truth[~known].tolist())
    has_background = bool((~known).any())
    return best_scaling(scored.probabilities, scored.truth, weights, scored.kinds if has_background else 0)


def with_scaling(probabilities: NDArray[np.float32], scaling: Scaling, kinds: int = 0) -> NDArray[np.float32]:
    """Return the probabilities that a network has after :func:`fold_in`, float32 ``(n, outputs)``."""
    logs = np.log(np.maximum(probabilities.astype(np.float64), _SMALLEST))
    return np.asarray(np.exp(_scaled_logs(logs, scaling, kinds)), np.float32)


def calibrated(outcomes: Outcomes, scaling: Scaling) -> Outcomes:
    """Return the predictions of a network after :func:`fold_in`."""
    return replace(outcomes, probabilities=with_scaling(outcomes.probabilities, scaling, outcomes.kinds))


def fold_in(model: Model, scaling: Scaling, kinds: int = 0) -> None:
    """Change the weights of a network's last layer, a softmax layer whose last outputs are the kinds of background."""
    layer = model.layers[-1]
    weights, offsets = (weight / scaling.temperature for weight in layer.get_weights())
    offsets[len(offsets) - kinds :] -= scaling.background
    layer.set_weights([weights, offsets])


def _scaling(at: NDArray[np.float64], kinds: int) -> Scaling:
    return Scaling(float(np.exp(at[0])), float(at[1]) if kinds else 0.0)


def _scaled_logs(logs: NDArray[np.float64], scaling: Scaling, kinds: int = 0) -> NDArray[np.float64]:
    sums = logs / scaling.temperature
    sums[:, sums.shape[1] - kinds :] -= scaling.background
    shifted = sums - sums.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
