"""Create the golden window: a window with known probabilities that every consumer of a release checks first."""

import numpy as np

from har.artifacts import GoldenWindow
from har.releases import Normalisation
from trainer.freezing.predictors import onnx_predictor

#: Largest allowed difference of a probability for the golden window in a float32 format. Processors round differently.
GOLDEN_TOLERANCE = 1e-4


def golden_window(frozen: bytes, steps: int, rate_hz: int, normalisation: Normalisation) -> GoldenWindow:
    """Compute the network's probabilities for a synthetic window: a gait-like sum of sines on tilted gravity.

    Parameters
    ----------
    frozen : bytes
        An ONNX file.
    steps, rate_hz : int
        Length of the network's windows, steps, and their sample rate, Hz.
    normalisation : Normalisation
        Normalisation of the network's inputs.

    Raises
    ------
    FreezingError
        If ONNX Runtime cannot load the file.
    """
    seconds = np.arange(steps) / rate_hz
    axes = np.stack(
        [
            7.0 + 1.9 * np.sin(2 * np.pi * 1.8 * seconds) + 0.8 * np.sin(2 * np.pi * 5.4 * seconds + 1.0),
            -5.5 + 1.2 * np.sin(2 * np.pi * 0.9 * seconds + 0.5),
            4.0 + 1.5 * np.cos(2 * np.pi * 1.8 * seconds) + 0.4 * np.sin(2 * np.pi * 7.2 * seconds),
        ],
        axis=1,
    )
    # With three decimals, every JSON reader gets the same float32 values.
    window = [(float(x), float(y), float(z)) for x, y, z in np.round(axes, 3)]
    probabilities = onnx_predictor(frozen)(normalisation.apply(np.array([window], np.float32)))[0]
    return GoldenWindow(window, [float(value) for value in probabilities])
