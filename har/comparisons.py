"""`Comparison`: the predictions of a canary and of the stable release for the same window, to judge the canary."""

import msgspec

from har.predictions import Prediction
from har.release_documents import decode_document

SCHEMA = 1
MAX_BYTES = 4_096


class ReleasePrediction(msgspec.Struct, frozen=True):
    """One release's prediction.

    Attributes
    ----------
    release : str
        The release's name.
    activity : str
        The predicted activity.
    confidence : float
        Its probability; see `har.predictions.Prediction`.
    taken_us : float
        Time to classify the window, µs; for windows that were classified together, an equal share of the time.
    """

    release: str
    activity: str
    confidence: float
    taken_us: float


class Comparison(msgspec.Struct, frozen=True):
    """Two predictions for one window.

    Attributes
    ----------
    device, session : str
        The window's device and session.
    start, end : int
        Event time of the window's first value and of its end, µs since the epoch.
    canary, stable : ReleasePrediction
        The canary's prediction, which was published, and the stable release's, which was not. Both are without
        upright reference and personal head.
    schema : int
        Version of this message.
    """

    device: str
    session: str
    start: int
    end: int
    canary: ReleasePrediction
    stable: ReleasePrediction
    schema: int = SCHEMA


def compared(canary: Prediction, canary_us: float, stable: Prediction, stable_us: float) -> Comparison:
    """Compare two predictions for one window; `canary_us` and `stable_us` are the times they took, µs."""
    return Comparison(
        canary.device,
        canary.session,
        canary.start,
        canary.end,
        ReleasePrediction(canary.release, canary.activity, canary.confidence, canary_us),
        ReleasePrediction(stable.release, stable.activity, stable.confidence, stable_us),
    )


def encode_comparison(comparison: Comparison) -> bytes:
    """Encode as JSON."""
    return msgspec.json.encode(comparison)


def decode_comparison(message: bytes) -> Comparison:
    """Decode JSON.

    Raises
    ------
    ReleaseError
        If it is not a comparison, or of another version.
    """
    return decode_document(
        message, Comparison, "comparison of releases", schema=SCHEMA, limit=MAX_BYTES, if_older="ignore it"
    )
