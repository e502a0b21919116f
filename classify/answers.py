"""Answers for windows: a release's prediction for each."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from classify.windows import Session, SessionWindow
from har.predictions import Prediction
from har.session_references import judged, reference_after
from har.upright import NO_REFERENCE, Reference
from model_store.release_classifier import ReleaseClassifier

#: Windows that the network classifies at once. More take more memory and no less time.
BATCH_WINDOWS = 64


class Answer(NamedTuple):
    """A release's answer for one window.

    Attributes
    ----------
    session : Session
        The window's session.
    prediction : Prediction
        The activity, its confidence and the probabilities, or why there are none. If the release has a rule for it, the
        session's upright reference is used. Its times are on the recording's own clock. It has no time of arrival.
    """

    session: Session
    prediction: Prediction


def answers(windows: Iterable[SessionWindow], classifier: ReleaseClassifier) -> Iterator[Answer]:
    """Classify windows, many at a time, and yield their answers in the same order.

    The windows of each session must come in order of time.
    """
    rest = iter(windows)
    references: dict[tuple[str, str, str], Reference] = {}
    while batch := list(islice(rest, BATCH_WINDOWS)):
        for (session, window), alone in zip(batch, _alone(batch, classifier), strict=True):
            reference = references.get(session.key, NO_REFERENCE)
            made = judged(alone, classifier.manifest, window.values, reference)
            references[session.key] = reference_after(made)
            yield Answer(session, made)


def _alone(batch: list[SessionWindow], classifier: ReleaseClassifier) -> Iterator[Prediction]:
    """Yield the prediction of each window alone."""
    manifest = classifier.manifest
    reasons = [manifest.signal_bounds.reason(found.window.quality) for found in batch]
    readable = [found.window.values for found, reason in zip(batch, reasons, strict=True) if reason is None]
    rows = iter(classifier.probabilities(np.stack(readable)) if readable else ())
    for (session, window), reason in zip(batch, reasons, strict=True):
        of = (manifest, session.device, session.session, window.start)
        yield (
            Prediction.of_window(*of, next(rows), 0) if reason is None else Prediction.of_unclassified(*of, reason, 0)
        )
