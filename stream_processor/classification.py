"""Windows from many devices, classified together.

One call of the network for many windows costs less than a call each. Windows are taken as they come: a
call waits for no further window, so a lone one is not delayed.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from har.batch_runs import ClosedWindow
from har.comparisons import Comparison, compared
from har.predictions import Prediction, Trace
from har.windows import MICROSECONDS, WindowSpec
from model_store.onnx_classifier import OnnxClassifier
from stream_processor.serving import Choice, CurrentReleases
from stream_processor.sessions import Position, SessionKey

TRACE_DECIMALS = 3

Windows = Sequence[tuple[SessionKey, ClosedWindow[Position]]]


@dataclass(frozen=True)
class Classified:
    """What came of windows.

    Attributes
    ----------
    predictions : list of Prediction
        One a window, in the same order.
    comparisons : list of Comparison
        Of those that a canary classified, what the stable release says of them.
    """

    predictions: list[Prediction]
    comparisons: list[Comparison] = field(default_factory=list)


@dataclass
class _Answers:
    """Predictions of one network by the number of their windows, and what each took, µs."""

    predictions: dict[int, Prediction] = field(default_factory=dict)
    taken_us: dict[int, float] = field(default_factory=dict)


class Classifier:
    """Turns windows into predictions, off the event loop.

    Parameters
    ----------
    served : CurrentReleases
        Which release classifies which window.
    most : int
        Windows a call of a network.
    """

    def __init__(self, served: CurrentReleases, *, most: int) -> None:
        self._served = served
        self._most = most

    @property
    def spec(self) -> WindowSpec:
        """How windows are cut."""
        return self._served.spec

    async def classify(self, windows: Windows) -> Classified:
        """Classify windows."""
        if not windows:
            return Classified([])
        await self._served.wait_for(max(window.completed_by.arrived for _, window in windows))
        choices = [self._served.choice_for(key.device, window.completed_by.arrived) for key, window in windows]
        answers: dict[OnnxClassifier, _Answers] = {}
        for network in {choice.network: None for choice in choices}:
            answers[network] = await self._answers(
                network, windows, [number for number, choice in enumerate(choices) if choice.network is network]
            )
        predictions = [answers[choice.network].predictions[number] for number, choice in enumerate(choices)]
        return Classified(predictions, await self._compare(windows, choices, answers))

    async def _compare(
        self, windows: Windows, choices: Sequence[Choice], answers: dict[OnnxClassifier, _Answers]
    ) -> list[Comparison]:
        """Return what stable releases say of the windows that a canary answered."""
        comparisons: list[Comparison] = []
        for stable in {choice.compared_with: None for choice in choices if choice.compared_with is not None}:
            numbers = [number for number, choice in enumerate(choices) if choice.compared_with is stable]
            besides = await self._answers(stable, windows, numbers)
            for number in numbers:
                canary = answers[choices[number].network]
                comparisons.append(
                    compared(
                        canary.predictions[number],
                        canary.taken_us[number],
                        besides.predictions[number],
                        besides.taken_us[number],
                    )
                )
        return comparisons

    async def _answers(self, network: OnnxClassifier, windows: Windows, numbers: list[int]) -> _Answers:
        answers = _Answers()
        for begin in range(0, len(numbers), self._most):
            some = numbers[begin : begin + self._most]
            stacked = np.stack([windows[number][1].values for number in some])
            # onnxruntime releases the GIL: the loop goes on reading from Kafka meanwhile.
            probabilities, seconds = await asyncio.to_thread(_timed, network, stacked)
            taken_us = seconds * MICROSECONDS / len(some)
            for number, row in zip(some, probabilities, strict=True):
                key, window = windows[number]
                answers.predictions[number] = Prediction.of_window(
                    network.manifest, key.device, key.session, window.start, row, window.completed_by.arrived
                )
                answers.taken_us[number] = taken_us
        return answers

    def trace(self, window: ClosedWindow[Position]) -> Trace:
        """Return the newest hop of a window's signal."""
        spec = self.spec
        steps = min(spec.hop_us // spec.period_us, spec.steps)
        newest = window.values[-steps:].astype(np.float64).round(TRACE_DECIMALS)
        start = window.start + (spec.steps - steps) * spec.period_us
        return Trace(start, spec.period_us, *newest.T.tolist())


def _timed(network: OnnxClassifier, windows: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """Classify windows; return their probabilities, and what that took, s, without the wait for a thread."""
    began = time.perf_counter()
    probabilities = network.probabilities(windows)
    return probabilities, time.perf_counter() - began
