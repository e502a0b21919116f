"""Calibrate a network with a temperature: probabilities that are as sure as they are right.

See C. Guo, G. Pleiss, Y. Sun and K. Weinberger, "On calibration of modern neural networks" (2017), section 4.2. The
temperature is one number, so it changes no decision between two classes. It is folded into the weights of the last
layer, and consumers need not know of it.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.evaluation.outcomes import Outcomes

# TensorFlow and tf-keras ship no type hints.
Model = Any

#: Temperatures that are tried, in steps of 2 %.
_TEMPERATURES = np.exp(np.arange(-60, 61) * 0.02)
#: A probability of 0 has no logarithm.
_SMALLEST = 1e-12


def best_temperature(
    probabilities: NDArray[np.float32], truth: NDArray[np.int64], weights: NDArray[np.float64] | None = None
) -> float:
    """Return the temperature with the smallest negative log-likelihood.

    Parameters
    ----------
    probabilities : ndarray of float32, shape (n, outputs)
        Predictions for windows that the network was not trained on; at least one.
    truth : ndarray of int64, shape (n,)
        The right output of each.
    weights : ndarray of float64, shape (n,), optional
        Weight of each window; all the same if not given.

    Returns
    -------
    float
        From 0.3 to 3.3; above 1 if the network is too sure.
    """
    logs = np.log(np.maximum(probabilities.astype(np.float64), _SMALLEST))
    shares = np.ones(len(truth)) if weights is None else weights
    rows = np.arange(len(truth))
    losses = [-float((shares * _log_softmax(logs / each)[rows, truth]).sum()) for each in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def temperature_of(outcomes: Outcomes) -> float:
    """Return the best temperature for predictions; each output that occurs counts as much as any other."""
    scored = outcomes.take(outcomes.truth < outcomes.probabilities.shape[1])
    if not len(scored):
        return 1.0
    _, numbers, counts = np.unique(scored.truth, return_inverse=True, return_counts=True)
    return best_temperature(scored.probabilities, scored.truth, 1.0 / counts[numbers])


def with_temperature(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Return the probabilities that a network has after :func:`fold_in`, float32 ``(n, outputs)``."""
    logs = np.log(np.maximum(probabilities.astype(np.float64), _SMALLEST))
    return np.asarray(np.exp(_log_softmax(logs / temperature)), np.float32)


def calibrated(outcomes: Outcomes, temperature: float) -> Outcomes:
    """Return the predictions of a network after :func:`fold_in`."""
    return replace(outcomes, probabilities=with_temperature(outcomes.probabilities, temperature))


def fold_in(model: Model, temperature: float) -> None:
    """Divide the weights of a network's last layer, a softmax layer, by a temperature."""
    layer = model.layers[-1]
    layer.set_weights([weight / temperature for weight in layer.get_weights()])


def _log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
