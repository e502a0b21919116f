"""How long a frozen network takes for one window."""

from statistics import median
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from trainer.freezing.predictors import Predictor

#: Calls before the measurement: runtimes set themselves up in the first ones.
WARM_UP = 5
CALLS = 100


def median_latency_ms(predict: Predictor, windows: NDArray[np.float32], calls: int = CALLS) -> float:
    """Measure the median time of one window's classification, in milliseconds.

    Parameters
    ----------
    predict : callable
        The network, loaded with one thread.
    windows : ndarray of float32, shape (n, steps, 3)
        Normalised windows, at least one; they are given one at a time.
    calls : int
        How many calls are timed.
    """
    seconds = []
    for call in range(WARM_UP + calls):
        number = call % len(windows)
        window = windows[number : number + 1]
        began = perf_counter()
        predict(window)
        seconds.append(perf_counter() - began)
    return median(seconds[WARM_UP:]) * 1e3
