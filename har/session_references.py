"""The upright reference of a session from window to window, and how a prediction uses it.

Each prediction carries the state after its window. Whoever knows the window before can therefore continue, without any
other store. The stream processor, devices, files and the audit use this module, so they give the same answers.
`judged` is also in `ingest/phone_page/classification/session-reference.js`, for phones.
"""

from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import NDArray

from har.decisions import Decision, decide
from har.predictions import Prediction, WindowAlone
from har.releases import ReleaseManifest
from har.time_units import MICROSECONDS
from har.upright import NO_REFERENCE, Reference, gravity_of, judge

#: A reference ends if two windows in a row share no reading, and arrived further apart than this, µs.
LONGEST_PAUSE_US = 600 * MICROSECONDS


class JudgedWindow(msgspec.Struct, frozen=True, array_like=True):
    """A window of a session that was judged.

    Attributes
    ----------
    start : int
        Event time of its first value, µs since the epoch.
    arrived : int
        When its last reading reached the gateway, µs since the epoch.
    reference : Reference
        The session's reference after it.
    """

    start: int
    arrived: int
    reference: Reference


def reference_for(before: JudgedWindow | None, start: int, arrived: int, length_us: int) -> Reference:
    """Return the reference that counts for the next window of a session in the stream.

    It ends with a pause by the gateway's clock. So a worker that continues a session never has to look for older
    predictions than those of the last `LONGEST_PAUSE_US`. Readings that a phone kept while it was offline make no
    pause: their windows overlap those before. A pause by the device's own clock ends it, too, which
    `har.upright.judge` notices.

    Parameters
    ----------
    before : JudgedWindow or None
        The session's window before this one; None if there is none.
    start, arrived : int
        Those of the next window, µs since the epoch.
    length_us : int
        Length of a window, µs.

    Examples
    --------
    >>> learned = Reference(windows=10)
    >>> reference_for(JudgedWindow(0, 0, learned), 4_000_000, 500_000_000, 4_000_000).windows
    10
    >>> reference_for(JudgedWindow(0, 0, learned), 4_000_000, 601_000_000, 4_000_000).windows
    0
    >>> reference_for(JudgedWindow(0, 0, learned), 1_000_000, 601_000_000, 4_000_000).windows
    10
    """
    if before is None:
        return NO_REFERENCE
    if start - before.start >= length_us and arrived - before.arrived > LONGEST_PAUSE_US:
        return NO_REFERENCE
    return before.reference


def judged(
    prediction: Prediction, manifest: ReleaseManifest, values: NDArray[np.float32], reference: Reference
) -> Prediction:
    """Return the prediction of the window alone after the use of the session's reference.

    A window that was not classified, and a release without a rule, leave the reference as it is.

    Parameters
    ----------
    prediction : Prediction
        The prediction of the window alone.
    manifest : ReleaseManifest
        The manifest of its release.
    values : ndarray of float32, shape (steps, 3)
        The window, m/s², gravity included.
    reference : Reference
        The session's reference before this window.
    """
    if manifest.upright is None or prediction.reason is not None:
        return _with(prediction, reference)
    probabilities, lean, after = judge(
        reference, manifest.upright, gravity_of(values), prediction.start, prediction.probabilities
    )
    if lean is None:
        return _with(prediction, after)
    decision = decide(probabilities, manifest.thresholds, prediction.background)
    alone = Decision(prediction.activity, prediction.confidence, prediction.kind)
    return msgspec.structs.replace(
        prediction,
        activity=decision.activity,
        confidence=decision.confidence,
        kind=decision.kind,
        probabilities=probabilities,
        lean=lean,
        alone=None if decision == alone else WindowAlone(alone.activity, alone.confidence),
        reference=_published(after),
    )


def reference_after(prediction: Prediction) -> Reference:
    """Return the session's reference after a prediction's window."""
    return NO_REFERENCE if prediction.reference is None else prediction.reference


def judged_in_order(
    predictions: Iterable[tuple[Prediction, NDArray[np.float32]]], manifest: ReleaseManifest, reference: Reference
) -> tuple[list[Prediction], Reference]:
    """Judge windows of one session in their order; return the predictions, and the reference after the last one."""
    made = []
    for prediction, values in predictions:
        made.append(judged(prediction, manifest, values, reference))
        reference = reference_after(made[-1])
    return made, reference


def _with(prediction: Prediction, reference: Reference) -> Prediction:
    if reference == NO_REFERENCE:
        return prediction
    return msgspec.structs.replace(prediction, reference=reference)


def _published(reference: Reference) -> Reference | None:
    return None if reference == NO_REFERENCE else reference
