"""`Prediction`: what a release says of one window; and the steady activity that people are shown.

Predictions are delivered at least once. Their key is `(device, session, start)`: whoever keeps them keeps
the newest by that key, and a window that was classified twice then counts once.
"""

from collections import deque
from collections.abc import Iterable
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from har.answers import UNKNOWN, decide
from har.releases import ReleaseManifest
from har.windows import MICROSECONDS

SCHEMA = 1
MadeOn = Literal["server", "device"]


class Prediction(msgspec.Struct, frozen=True):
    """The answer for one window.

    Attributes
    ----------
    device, session : str
        Whose window.
    start, end : int
        Event time of the window's first value and of its end, µs since the epoch.
    activity : str
        The most probable class, or ``unknown`` if none is probable enough (`har.answers`).
    confidence : float
        The class's probability; of ``unknown``, what the most probable class lacks to 1.
    probabilities : dict of str to float
        Every class of the release.
    release : str
        The release that answered.
    arrived : int
        When the batch with the last reading that the window depends on reached the gateway, µs since the
        epoch by the gateway's clock. Of what was made on a device: when the device had that reading, by its own.
    made_on : {'server', 'device'}
        Who classified the window: the stream processor, or the device that measured it.
    schema : int
        Version of this message.
    """

    device: str
    session: str
    start: int
    end: int
    activity: str
    confidence: float
    probabilities: dict[str, float]
    release: str
    arrived: int
    made_on: MadeOn = "server"
    schema: int = SCHEMA

    @classmethod
    def of_window(
        cls,
        manifest: ReleaseManifest,
        device: str,
        session: str,
        start: int,
        probabilities: NDArray[np.float32],
        arrived: int,
        made_on: MadeOn = "server",
    ) -> "Prediction":
        """Return what a release says of a window.

        Parameters
        ----------
        manifest : ReleaseManifest
            The release's.
        device, session, start, arrived, made_on
            As the prediction has them.
        probabilities : ndarray of float32, shape (classes,)
            What the network answered, in the order of the manifest's classes.
        """
        by_class = dict(zip(manifest.classes, probabilities.tolist(), strict=True))
        answer = decide(by_class, manifest.decision_threshold)
        end = start + manifest.window_spec.length_us
        return cls(
            device,
            session,
            start,
            end,
            answer.activity,
            answer.confidence,
            by_class,
            manifest.release,
            arrived,
            made_on,
        )

    @property
    def key(self) -> tuple[str, str, int]:
        """What identifies the window, whichever release answered."""
        return self.device, self.session, self.start

    def says(self, label: str) -> bool:
        """Tell whether the answer is right for a window with this label; of labels of no class, unknown is right."""
        return self.activity == (label if label in self.probabilities else UNKNOWN)


class Trace(msgspec.Struct, frozen=True):
    """The newest part of a window's signal, for showing it.

    Attributes
    ----------
    start : int
        Event time of the first value, µs since the epoch.
    period : int
        Time between values, µs.
    x, y, z : list of float
        m/s², gravity included.
    """

    start: int
    period: int
    x: list[float]
    y: list[float]
    z: list[float]


class LiveUpdate(msgspec.Struct, frozen=True):
    """What the dashboard is told of one window.

    Attributes
    ----------
    prediction : Prediction
        The answer.
    published : int
        When Kafka confirmed the prediction, µs since the epoch.
    trace : Trace
        The signal of the window's newest hop.
    """

    prediction: Prediction
    published: int
    trace: Trace


class ActivitySpan(msgspec.Struct, frozen=True):
    """A time in which the steady activity was the same.

    Attributes
    ----------
    activity : str
        The steady activity.
    start, end : int
        Event time, µs since the epoch.
    """

    activity: str
    start: int
    end: int


class SteadyActivity(msgspec.Struct, frozen=True):
    """The smoothed answer at present.

    Attributes
    ----------
    activity : str
        The activity, or ``unknown``.
    since : int
        Event time of its beginning, µs since the epoch.
    confidence : float
        Its probability, averaged over the latest windows; of ``unknown``, what the most probable class lacks to 1.
    """

    activity: str
    since: int
    confidence: float


_prediction_encoder = msgspec.json.Encoder()
_prediction_decoder = msgspec.json.Decoder(Prediction)
_update_decoder = msgspec.json.Decoder(LiveUpdate)


def encode_prediction(prediction: Prediction) -> bytes:
    """Encode as JSON."""
    return _prediction_encoder.encode(prediction)


def decode_prediction(message: bytes) -> Prediction:
    """Decode JSON.

    Raises
    ------
    msgspec.MsgspecError
        If the message is not a prediction.
    """
    return _prediction_decoder.decode(message)


def encode_update(update: LiveUpdate) -> bytes:
    """Encode as JSON."""
    return _prediction_encoder.encode(update)


def decode_update(message: bytes) -> LiveUpdate:
    """Decode JSON.

    Raises
    ------
    msgspec.MsgspecError
        If the message is not a live update.
    """
    return _update_decoder.decode(message)


class ActivitySmoother:
    """A steady answer from one device's predictions: no flicker between neighbouring windows.

    The probabilities of the latest windows are averaged, and another activity takes over only once it has
    led that average for several windows in a row. ``unknown`` leads while more than half of those windows are
    unknown: that needs no threshold, so releases with different ones may follow each other. A new session or a pause
    starts afresh.

    Parameters
    ----------
    windows : int
        How many windows are averaged.
    patience : int
        For how many windows in a row another activity must lead.
    pause_us : int
        A longer time between two windows' starts begins a new span, µs.

    Examples
    --------
    One window of doubt in the middle of a walk does not show:

    >>> def said(second, walk):
    ...     probabilities = {"walk": walk, "stairsup": 1 - walk}
    ...     best = max(probabilities, key=probabilities.get)
    ...     start = second * 1_000_000
    ...     return Prediction("phone", "s", start, start + 4_000_000, best, probabilities[best],
    ...                       probabilities, "r1", 0)
    >>> smoother = ActivitySmoother()
    >>> [smoother.update(said(n, w)).activity for n, w in enumerate([0.9, 0.8, 0.3, 0.9, 0.9])]
    ['walk', 'walk', 'walk', 'walk', 'walk']
    """

    def __init__(self, *, windows: int = 3, patience: int = 2, pause_us: int = 10 * MICROSECONDS) -> None:
        self._latest: deque[Prediction] = deque(maxlen=windows)
        self._patience = patience
        self._pause_us = pause_us
        self._challenger = ""
        self._led = 0
        self._steady: SteadyActivity | None = None

    @property
    def steady(self) -> SteadyActivity | None:
        """The present answer; None before any prediction."""
        return self._steady

    def update(self, prediction: Prediction) -> SteadyActivity:
        """Take the next prediction, in order of start; one that is not newer than the last changes nothing."""
        previous = self._latest[-1] if self._latest else None
        if previous is not None and self._continues(previous, prediction):
            if prediction.start <= previous.start:
                assert self._steady is not None
                return self._steady
        else:
            self._latest.clear()
            self._steady = None
            self._led = 0
        self._latest.append(prediction)
        average = self._average()
        leader = self._leader(average)
        self._steady = self._decide(leader, average, prediction)
        return self._steady

    def _continues(self, previous: Prediction, prediction: Prediction) -> bool:
        same = previous.device == prediction.device and previous.session == prediction.session
        return same and prediction.start - previous.start <= self._pause_us

    def _average(self) -> dict[str, float]:
        total: dict[str, float] = {}
        for prediction in self._latest:
            for name, probability in prediction.probabilities.items():
                total[name] = total.get(name, 0.0) + probability
        average = {name: value / len(self._latest) for name, value in total.items()}
        average[UNKNOWN] = 1.0 - max(average.values())
        return average

    def _leader(self, average: dict[str, float]) -> str:
        unknown = sum(prediction.activity == UNKNOWN for prediction in self._latest)
        if 2 * unknown > len(self._latest):
            return UNKNOWN
        return max((name for name in average if name != UNKNOWN), key=lambda name: average[name])

    def _decide(self, leader: str, average: dict[str, float], prediction: Prediction) -> SteadyActivity:
        steady = self._steady
        if steady is None:
            return SteadyActivity(leader, prediction.start, average[leader])
        if leader == steady.activity:
            self._led = 0
            return SteadyActivity(steady.activity, steady.since, average[leader])
        self._led = self._led + 1 if leader == self._challenger else 1
        self._challenger = leader
        if self._led < self._patience:
            return SteadyActivity(steady.activity, steady.since, average.get(steady.activity, 0.0))
        self._led = 0
        return SteadyActivity(leader, _middle(self._latest[0]), average[leader])


def activity_spans(predictions: Iterable[Prediction], smoother: ActivitySmoother | None = None) -> list[ActivitySpan]:
    """Turn one device's predictions, in order of start, into spans of steady activity.

    A span ends where the next begins, or at the end of the last window before a pause.
    """
    smoother = smoother or ActivitySmoother()
    spans: list[ActivitySpan] = []
    last_end = 0
    for prediction in predictions:
        steady = smoother.update(prediction)
        if spans and spans[-1].start == steady.since and spans[-1].activity == steady.activity:
            spans[-1] = ActivitySpan(steady.activity, steady.since, prediction.end)
        else:
            if spans:
                before = spans[-1]
                spans[-1] = ActivitySpan(before.activity, before.start, min(max(last_end, before.start), steady.since))
            spans.append(ActivitySpan(steady.activity, steady.since, prediction.end))
        last_end = prediction.end
    return spans


def _middle(prediction: Prediction) -> int:
    return (prediction.start + prediction.end) // 2
