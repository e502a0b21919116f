"""Measure the latency of a frozen network."""

from statistics import median
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from trainer.freezing.predictors import Predictor

#: Calls before the measurement. Runtimes initialise themselves in the first ones.
WARM_UP = 5
CALLS = 100


def median_latency_ms(predict: Predictor, windows: NDArray[np.float32], calls: int = CALLS) -> float:
    """Return the median time to classify one window, ms.

    Parameters
    ----------
    predict : callable
        The network, loaded with one thread.
    windows : ndarray of float32, shape (n, steps, 3)
        Normalised windows, at least one. Each call classifies one.
    calls : int
        Number of measured calls.
    """
    seconds = []
    for call in range(WARM_UP + calls):
        number = call % len(windows)
        window = windows[number : number + 1]
        began = perf_counter()
        predict(window)
        seconds.append(perf_counter() - began)
    return median(seconds[WARM_UP:]) * 1e3
