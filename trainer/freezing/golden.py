"""The window with a known answer that every consumer of a release checks first."""

import numpy as np

from har.releases import GoldenWindow, Normalisation
from trainer.freezing.predictors import onnx_predictor

#: Largest difference of a probability that a consumer of a float32 form may see for the golden window: other
#: processors round otherwise.
GOLDEN_TOLERANCE = 1e-4


def golden_window(frozen: bytes, steps: int, rate_hz: int, normalisation: Normalisation) -> GoldenWindow:
    """Compute the network's answer for a synthetic window: a gait-like sum of sines on tilted gravity.

    Parameters
    ----------
    frozen : bytes
        An ONNX file.
    steps, rate_hz : int
        The network's windows.
    normalisation : Normalisation
        Applied before the network.

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
    # Three decimals are exact in JSON, and every reader rounds them to the same float32.
    window = [(float(x), float(y), float(z)) for x, y, z in np.round(axes, 3)]
    answer = onnx_predictor(frozen)(normalisation.apply(np.array([window], np.float32)))[0]
    return GoldenWindow(window, [float(value) for value in answer])
