"""Windows from many devices, classified together.

One call of the network for many windows costs less than a call each. Windows are taken as they come: a
call waits for no further window, so a lone one is not delayed.
"""

import asyncio
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from har.batch_runs import ClosedWindow
from har.predictions import Prediction, Trace
from har.releases import ReleaseManifest
from model_store.onnx_classifier import OnnxClassifier
from stream_processor.sessions import Position, SessionKey

TRACE_DECIMALS = 3


class Classifier:
    """Turns windows into predictions, off the event loop.

    Parameters
    ----------
    network : OnnxClassifier
        The release in use.
    most : int
        Windows a call of the network.
    """

    def __init__(self, network: OnnxClassifier, *, most: int) -> None:
        self._network = network
        self._most = most

    @property
    def manifest(self) -> ReleaseManifest:
        """What the release in use says of itself."""
        return self._network.manifest

    async def classify(self, windows: Sequence[tuple[SessionKey, ClosedWindow[Position]]]) -> list[Prediction]:
        """Classify windows; the predictions are in the same order."""
        predictions: list[Prediction] = []
        for begin in range(0, len(windows), self._most):
            some = windows[begin : begin + self._most]
            stacked = np.stack([window.values for _, window in some])
            # onnxruntime releases the GIL: the loop goes on reading from Kafka meanwhile.
            probabilities = await asyncio.to_thread(self._network.probabilities, stacked)
            predictions += [self._prediction(*pair, row) for pair, row in zip(some, probabilities, strict=True)]
        return predictions

    def trace(self, window: ClosedWindow[Position]) -> Trace:
        """Return the newest hop of a window's signal."""
        spec = self.manifest.window_spec
        steps = min(spec.hop_us // spec.period_us, spec.steps)
        newest = window.values[-steps:].astype(np.float64).round(TRACE_DECIMALS)
        start = window.start + (spec.steps - steps) * spec.period_us
        return Trace(start, spec.period_us, *newest.T.tolist())

    def _prediction(self, key: SessionKey, window: ClosedWindow[Position], row: NDArray[np.float32]) -> Prediction:
        return Prediction.of_window(
            self.manifest, key.device, key.session, window.start, row, window.completed_by.arrived
        )
