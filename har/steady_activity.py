"""The steady activity that the pages display: one device's predictions, smoothed over neighbouring windows."""

from collections import Counter, deque
from collections.abc import Iterable

import msgspec

from har.decisions import UNKNOWN
from har.predictions import Prediction
from har.time_units import MICROSECONDS


class ActivitySpan(msgspec.Struct, frozen=True):
    """An interval in which the steady activity was the same.

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
    """The current smoothed activity of a device.

    Attributes
    ----------
    activity : str
        The activity, or ``unknown``.
    since : int
        Event time of its beginning, µs since the epoch.
    confidence : float
        Its probability, averaged over the latest windows; for ``unknown``, 1 minus the largest average.
    reason : str or None
        For ``unknown``, why most of the latest unknown windows were not classified, as in
        `har.predictions.Prediction`; None if their network did not know either.
    kind : str or None
        For ``unknown`` without a reason, the kind of background that most of the latest unknown windows show; None if
        none was probable enough.
    """

    activity: str
    since: int
    confidence: float
    reason: str | None = None
    kind: str | None = None


class ActivitySmoother:
    """Smooths one device's predictions, so that the displayed activity does not flicker.

    The probabilities of the latest windows are averaged. Another activity takes over only after it has led that
    average for several windows in a row. ``unknown`` leads while more than half of those windows are unknown; this
    needs no threshold, so releases with different thresholds may follow each other. A new session or a pause resets
    the smoother.

    A window that was not classified (it has a `reason`) is unknown, and has no part in the average if another window
    was classified. A single one does not change the steady activity; of a run, the third ends it.

    Parameters
    ----------
    windows : int
        How many windows are averaged.
    patience : int
        For how many windows in a row another activity must lead before it takes over.
    pause_us : int
        A longer time between two windows' starts resets the smoother, µs.

    Examples
    --------
    One doubtful window in the middle of a walk has no effect:

    >>> def predicted(second, walk):
    ...     probabilities = {"walk": walk, "stairsup": 1 - walk}
    ...     best = max(probabilities, key=probabilities.get)
    ...     start = second * 1_000_000
    ...     return Prediction("phone", "s", start, start + 4_000_000, best, probabilities[best],
    ...                       probabilities, "r1", 0)
    >>> smoother = ActivitySmoother()
    >>> [smoother.update(predicted(n, w)).activity for n, w in enumerate([0.9, 0.8, 0.3, 0.9, 0.9])]
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
        """The current steady activity; None before the first prediction."""
        return self._steady

    def update(self, prediction: Prediction) -> SteadyActivity:
        """Add the next prediction, in order of start; one that is not newer than the last is ignored."""
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
        classified = [prediction for prediction in self._latest if prediction.reason is None] or self._latest
        for prediction in classified:
            for name, probability in prediction.probabilities.items():
                total[name] = total.get(name, 0.0) + probability
        average = {name: value / len(classified) for name, value in total.items()}
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
            return self._named(leader, prediction.start, average)
        if leader == steady.activity:
            self._led = 0
            return self._named(leader, steady.since, average)
        self._led = self._led + 1 if leader == self._challenger else 1
        self._challenger = leader
        if self._led < self._patience:
            return self._named(steady.activity, steady.since, average)
        self._led = 0
        return self._named(leader, _middle(self._latest[0]), average)

    def _named(self, activity: str, since: int, average: dict[str, float]) -> SteadyActivity:
        reason, kind = self._explanation() if activity == UNKNOWN else (None, None)
        return SteadyActivity(activity, since, average.get(activity, 0.0), reason, kind)

    def _explanation(self) -> tuple[str | None, str | None]:
        """Return the most frequent reason of the latest unknown windows, or else their most frequent kind."""
        unknown = [prediction for prediction in reversed(self._latest) if prediction.activity == UNKNOWN]
        reason = _most_frequent([prediction.reason for prediction in unknown])
        if reason is not None:
            return reason, None
        return None, _most_frequent([prediction.kind for prediction in unknown if prediction.reason is None])


class ActivitySpans:
    """Turns one device's predictions into spans of steady activity, one prediction after the other.

    A span ends where the next begins, or at the end of the last window before a pause.

    Parameters
    ----------
    smoother : ActivitySmoother, optional
        What smooths the predictions; one with the defaults if not given.

    Attributes
    ----------
    spans : list of ActivitySpan
        The spans so far. The last one may become longer.
    """

    def __init__(self, smoother: ActivitySmoother | None = None) -> None:
        self.spans: list[ActivitySpan] = []
        self._smoother = smoother or ActivitySmoother()
        self._last_end = 0

    def add(self, prediction: Prediction) -> None:
        """Add the next prediction, in order of start."""
        steady, spans = self._smoother.update(prediction), self.spans
        if spans and spans[-1].start == steady.since and spans[-1].activity == steady.activity:
            spans[-1] = ActivitySpan(steady.activity, steady.since, prediction.end)
        else:
            if spans:
                before = spans[-1]
                end = min(max(self._last_end, before.start), steady.since)
                spans[-1] = ActivitySpan(before.activity, before.start, end)
            spans.append(ActivitySpan(steady.activity, steady.since, prediction.end))
        self._last_end = prediction.end


def activity_spans(predictions: Iterable[Prediction], smoother: ActivitySmoother | None = None) -> list[ActivitySpan]:
    """Turn one device's predictions, in order of start, into spans of steady activity; see `ActivitySpans`."""
    found = ActivitySpans(smoother)
    for prediction in predictions:
        found.add(prediction)
    return found.spans


def _most_frequent(newest_first: list[str | None]) -> str | None:
    """Return the most frequent item; of several, the newest."""
    return Counter(newest_first).most_common(1)[0][0] if newest_first else None


def _middle(prediction: Prediction) -> int:
    return (prediction.start + prediction.end) // 2
