"""`Comparison`: what a canary and the stable release say of the same window, to judge the canary by."""

import msgspec

from har.predictions import Prediction
from har.releases import ReleaseError, decode_document

SCHEMA = 1
MAX_BYTES = 4_096


class Answered(msgspec.Struct, frozen=True):
    """One release's answer.

    Attributes
    ----------
    release : str
        Which.
    activity : str
        What it says.
    confidence : float
        Its probability; see `har.predictions.Prediction`.
    taken_us : float
        What classifying the window took, µs; its share, of windows that were classified together.
    """

    release: str
    activity: str
    confidence: float
    taken_us: float


class Comparison(msgspec.Struct, frozen=True):
    """Two answers for one window.

    Attributes
    ----------
    device, session : str
        Whose window.
    start, end : int
        Event time of its first value and of its end, µs since the epoch.
    canary, stable : Answered
        The canary's answer, which was published, and the stable release's, which was not.
    schema : int
        Version of this message.
    """

    device: str
    session: str
    start: int
    end: int
    canary: Answered
    stable: Answered
    schema: int = SCHEMA


def compared(canary: Prediction, canary_us: float, stable: Prediction, stable_us: float) -> Comparison:
    """Return the comparison of two predictions of one window, and what each took, µs."""
    return Comparison(
        canary.device,
        canary.session,
        canary.start,
        canary.end,
        Answered(canary.release, canary.activity, canary.confidence, canary_us),
        Answered(stable.release, stable.activity, stable.confidence, stable_us),
    )


def encode_comparison(comparison: Comparison) -> bytes:
    """Encode as JSON."""
    return msgspec.json.encode(comparison)


def decode_comparison(message: bytes) -> Comparison:
    """Decode JSON.

    Raises
    ------
    ReleaseError
        If it is no comparison, or of another version.
    """
    try:
        return decode_document(
            message, Comparison, "comparison of releases", schema=SCHEMA, limit=MAX_BYTES, if_older="it is too old"
        )
    except UnicodeDecodeError as error:
        raise ReleaseError(f"not a comparison of releases: {error}") from error
