"""Windows from many devices, classified together.

One call of the network for many windows costs less than a call each. Windows are taken as they come: a
call waits for no further window, so a lone one is not delayed.
"""

import asyncio
from collections.abc import Sequence

import numpy as np

from har.batch_runs import ClosedWindow
from har.predictions import Prediction, Trace
from har.windows import WindowSpec
from model_store.onnx_classifier import OnnxClassifier
from stream_processor.serving import ServedReleases
from stream_processor.sessions import Position, SessionKey

TRACE_DECIMALS = 3

Windows = Sequence[tuple[SessionKey, ClosedWindow[Position]]]


class Classifier:
    """Turns windows into predictions, off the event loop.

    Parameters
    ----------
    served : ServedReleases
        Which release classifies which window.
    most : int
        Windows a call of a network.
    """

    def __init__(self, served: ServedReleases, *, most: int) -> None:
        self._served = served
        self._most = most

    @property
    def spec(self) -> WindowSpec:
        """How windows are cut."""
        return self._served.spec

    async def classify(self, windows: Windows) -> list[Prediction]:
        """Classify windows; the predictions are in the same order."""
        await self._served.wait_for(max(window.completed_by.arrived for _, window in windows))
        numbers: dict[int, list[int]] = {}
        networks: dict[int, OnnxClassifier] = {}
        for number, (key, window) in enumerate(windows):
            network = self._served.network_for(key.device, window.completed_by.arrived)
            networks[id(network)] = network
            numbers.setdefault(id(network), []).append(number)
        predictions: dict[int, Prediction] = {}
        for name, network in networks.items():
            theirs = [windows[number] for number in numbers[name]]
            predictions |= zip(numbers[name], await self._classify(network, theirs), strict=True)
        return [predictions[number] for number in range(len(windows))]

    async def _classify(self, network: OnnxClassifier, windows: Windows) -> list[Prediction]:
        predictions: list[Prediction] = []
        for begin in range(0, len(windows), self._most):
            some = windows[begin : begin + self._most]
            stacked = np.stack([window.values for _, window in some])
            # onnxruntime releases the GIL: the loop goes on reading from Kafka meanwhile.
            probabilities = await asyncio.to_thread(network.probabilities, stacked)
            predictions += [
                Prediction.of_window(
                    network.manifest, key.device, key.session, window.start, row, window.completed_by.arrived
                )
                for (key, window), row in zip(some, probabilities, strict=True)
            ]
        return predictions

    def trace(self, window: ClosedWindow[Position]) -> Trace:
        """Return the newest hop of a window's signal."""
        spec = self.spec
        steps = min(spec.hop_us // spec.period_us, spec.steps)
        newest = window.values[-steps:].astype(np.float64).round(TRACE_DECIMALS)
        start = window.start + (spec.steps - steps) * spec.period_us
        return Trace(start, spec.period_us, *newest.T.tolist())
