"""Classify windows from many devices together.

One call of the network for many windows costs less than one call for each. A call never waits for further windows, so a
single window is not delayed.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from har.batch_runs import ClosedWindow
from har.comparisons import Comparison, compared
from har.personal_head import PersonalHead
from har.predictions import Prediction, Trace
from har.releases import ReleaseManifest
from har.signal_quality import Reason
from har.time_units import MICROSECONDS
from har.windowing import WindowSpec
from model_store.onnx_classifier import OnnxClassifier
from stream_processor.serving import Choice, ReleaseTimeline
from stream_processor.sessions import Position, SessionKey

TRACE_DECIMALS = 3

Windows = Sequence[tuple[SessionKey, ClosedWindow[Position]]]


@dataclass(frozen=True)
class Classified:
    """The result of classifying windows.

    Attributes
    ----------
    predictions : list of Prediction
        One per window, in the same order. They are those of the windows alone, corrected by personal heads.
    manifests : list of ReleaseManifest
        The manifest of each prediction's release.
    comparisons : list of Comparison
        For each window that a canary classified, the comparison with the stable release.
    """

    predictions: list[Prediction]
    manifests: list[ReleaseManifest]
    comparisons: list[Comparison] = field(default_factory=list)


@dataclass
class _Answers:
    """What one network answered, by the index of the window.

    Attributes
    ----------
    manifest : ReleaseManifest
        The manifest of the network's release.
    probabilities : dict of int to ndarray of float32, shape (outputs,)
        The network's output.
    taken_us : dict of int to float
        The time that each of them took, µs.
    reasons : dict of int to str
        For the windows that the network was not asked about: why their readings tell too little.
    """

    manifest: ReleaseManifest
    probabilities: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    taken_us: dict[int, float] = field(default_factory=dict)
    reasons: dict[int, Reason] = field(default_factory=dict)

    def prediction(self, windows: Windows, index: int, head: PersonalHead | None = None) -> Prediction:
        """Return the prediction for a window that was among those asked about."""
        key, window = windows[index]
        identity = self.manifest, key.device, key.session, window.start
        reason, arrived = self.reasons.get(index), window.completed_by.arrived
        if reason is not None:
            return Prediction.of_unclassified(*identity, reason, arrived)
        return Prediction.of_window(*identity, self.probabilities[index], arrived, head=head, values=window.values)


class Classifier:
    """Turns windows into predictions, off the event loop. Each window is classified alone.

    Parameters
    ----------
    timeline : ReleaseTimeline
        Chooses the release and the personal head for each window.
    max_batch : int
        Most windows in one call of a network.
    """

    def __init__(self, timeline: ReleaseTimeline, *, max_batch: int) -> None:
        self._timeline = timeline
        self._max_batch = max_batch

    @property
    def spec(self) -> WindowSpec:
        """How windows are cut; the same for every release."""
        return self._timeline.spec

    async def classify(self, windows: Windows) -> Classified:
        """Classify windows, each by the release that applies to it, and correct them by their devices' heads."""
        if not windows:
            return Classified([], [])
        await self._timeline.wait_for(max(window.completed_by.arrived for _, window in windows))
        choices = [self._timeline.choice_for(key.device, window.completed_by.arrived) for key, window in windows]
        answers: dict[OnnxClassifier, _Answers] = {}
        for network in {choice.network: None for choice in choices}:
            answers[network] = await self._ask(
                network, windows, [index for index, choice in enumerate(choices) if choice.network is network]
            )
        predictions = [
            answers[choice.network].prediction(windows, index, choice.head) for index, choice in enumerate(choices)
        ]
        manifests = [choice.network.manifest for choice in choices]
        return Classified(predictions, manifests, await self._compare(windows, choices, answers))

    async def _compare(
        self, windows: Windows, choices: Sequence[Choice], answers: dict[OnnxClassifier, _Answers]
    ) -> list[Comparison]:
        """Compare the predictions of canaries with those of the stable releases.

        Both are without personal heads. A head is for one release, so with heads a canary would be compared with a
        release that knows the wearer.
        """
        comparisons: list[Comparison] = []
        for stable in {choice.compared_with: None for choice in choices if choice.compared_with is not None}:
            indices = [index for index, choice in enumerate(choices) if choice.compared_with is stable]
            by_stable = await self._ask(stable, windows, indices)
            for index in indices:
                by_canary = answers[choices[index].network]
                if index not in by_canary.taken_us or index not in by_stable.taken_us:
                    continue  # at least one of them was not asked, so there is nothing to compare
                comparisons.append(
                    compared(
                        by_canary.prediction(windows, index),
                        by_canary.taken_us[index],
                        by_stable.prediction(windows, index),
                        by_stable.taken_us[index],
                    )
                )
        return comparisons

    async def _ask(self, network: OnnxClassifier, windows: Windows, indices: list[int]) -> _Answers:
        answers = _Answers(network.manifest)
        readable = []
        for index in indices:
            reason = network.manifest.signal_bounds.reason(windows[index][1].quality)
            if reason is None:
                readable.append(index)
            else:
                answers.reasons[index] = reason
        for begin in range(0, len(readable), self._max_batch):
            batch = readable[begin : begin + self._max_batch]
            stacked = np.stack([windows[index][1].values for index in batch])
            # onnxruntime releases the GIL, so the event loop keeps reading from Kafka meanwhile.
            probabilities, seconds = await asyncio.to_thread(_timed, network, stacked)
            answers.probabilities.update(zip(batch, probabilities, strict=True))
            answers.taken_us.update(dict.fromkeys(batch, seconds * MICROSECONDS / len(batch)))
        return answers

    def trace(self, window: ClosedWindow[Position]) -> Trace:
        """Return the newest hop of a window's signal, for display."""
        spec = self.spec
        steps = min(spec.hop_us // spec.period_us, spec.steps)
        newest = window.values[-steps:].astype(np.float64).round(TRACE_DECIMALS)
        start = window.start + (spec.steps - steps) * spec.period_us
        return Trace(start, spec.period_us, *newest.T.tolist())


def _timed(network: OnnxClassifier, windows: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """Classify windows; return their probabilities and the time taken, s, without the wait for a thread."""
    began = time.perf_counter()
    probabilities = network.probabilities(windows)
    return probabilities, time.perf_counter() - began
