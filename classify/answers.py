"""Answers for windows: the activity of each by a release, or why there is none."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from classify.windows import Session, SessionWindow
from har.decisions import UNKNOWN, decide, no_opinion
from har.signal_quality import Reason
from model_store.release_classifier import ReleaseClassifier

#: Windows that the network classifies at once.
BATCH_WINDOWS = 256


class Answer(NamedTuple):
    """A release's answer for one window.

    Attributes
    ----------
    session : Session
        The window's session.
    start : int
        The window's start, µs on the recording's own clock.
    activity : str
        The activity, or ``unknown``.
    confidence : float
        The probability of the activity; for ``unknown``, 1 minus the largest probability.
    reason : str or None
        Why the readings tell too little to name an activity; None if the network was asked.
    probabilities : dict of str to float
        By class, in the order of the release.
    """

    session: Session
    start: int
    activity: str
    confidence: float
    reason: Reason | None
    probabilities: dict[str, float]


def answers(windows: Iterable[SessionWindow], classifier: ReleaseClassifier) -> Iterator[Answer]:
    """Classify windows, many at a time, and yield their answers in the same order."""
    rest = iter(windows)
    while batch := list(islice(rest, BATCH_WINDOWS)):
        yield from _of_batch(batch, classifier)


def _of_batch(batch: list[SessionWindow], classifier: ReleaseClassifier) -> Iterator[Answer]:
    manifest = classifier.manifest
    reasons = [manifest.signal_bounds.reason(found.window.quality) for found in batch]
    readable = [found.window.values for found, reason in zip(batch, reasons, strict=True) if reason is None]
    rows = iter(classifier.probabilities(np.stack(readable)).astype(float).tolist() if readable else ())
    for (session, window), reason in zip(batch, reasons, strict=True):
        if reason is None:
            probabilities = dict(zip(manifest.classes, next(rows), strict=True))
            activity, confidence = decide(probabilities, manifest.decision_threshold)
        else:
            probabilities = no_opinion(manifest.classes)
            activity, confidence = UNKNOWN, 1 - max(probabilities.values())
        yield Answer(session, window.start, activity, confidence, reason, probabilities)
