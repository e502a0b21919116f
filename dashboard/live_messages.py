"""Reading `har.predictions.LiveUpdate` messages that came from outside."""

import math

import msgspec

from har.predictions import SCHEMA, LiveUpdate, Prediction, Trace, decode_update
from har.samples import MAX_TIME_US, MIN_TIME_US, RejectedBatch, check_identifier

MAX_MESSAGE_BYTES = 262_144
MAX_TRACE_STEPS = 2_000
MAX_LABEL_CHARACTERS = 64
MAX_RELEASE_CHARACTERS = 128
MAX_WINDOW_US = 3_600_000_000


class InvalidUpdateError(ValueError):
    """A message that is not a usable live update."""


def read_update(message: bytes) -> LiveUpdate:
    """Decode one message of the live channel and check everything that the page relies on.

    Parameters
    ----------
    message : bytes
        The JSON of a `LiveUpdate`.

    Returns
    -------
    LiveUpdate
        The update; its times, identifiers, confidence and trace are within bounds.

    Raises
    ------
    InvalidUpdateError
        If the message is too long, not JSON of that type, or out of bounds.
    """
    if len(message) > MAX_MESSAGE_BYTES:
        raise InvalidUpdateError(f"{len(message)} bytes, at most {MAX_MESSAGE_BYTES} are read")
    try:
        update = decode_update(message)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidUpdateError(str(error)) from error
    _check_prediction(update.prediction)
    _check_time("published", update.published)
    _check_trace(update.trace)
    return update


def _check_prediction(prediction: Prediction) -> None:
    if prediction.schema != SCHEMA:
        raise InvalidUpdateError(f"schema {prediction.schema}, this dashboard reads {SCHEMA}")
    for field, value in (("device", prediction.device), ("session", prediction.session)):
        try:
            check_identifier(field, value)
        except RejectedBatch as error:
            raise InvalidUpdateError(error.detail) from error
    for field, text, longest in (
        ("activity", prediction.activity, MAX_LABEL_CHARACTERS),
        ("release", prediction.release, MAX_RELEASE_CHARACTERS),
        *(("a class", name, MAX_LABEL_CHARACTERS) for name in prediction.probabilities),
    ):
        if not 0 < len(text) <= longest:
            raise InvalidUpdateError(f"{field} has {len(text)} characters, expected 1 to {longest}")
    for field, moment in (("start", prediction.start), ("arrived", prediction.arrived)):
        _check_time(field, moment)
    if not 0 < prediction.end - prediction.start <= MAX_WINDOW_US:
        raise InvalidUpdateError(f"the window ends {prediction.end - prediction.start} µs after its start")
    if not prediction.probabilities:
        raise InvalidUpdateError("there are no probabilities")
    for probability in (prediction.confidence, *prediction.probabilities.values()):
        if not 0 <= probability <= 1:
            raise InvalidUpdateError(f"the probability {probability} is not within 0 and 1")


def _check_trace(trace: Trace) -> None:
    _check_time("trace.start", trace.start)
    steps = len(trace.x)
    if not steps == len(trace.y) == len(trace.z) or steps > MAX_TRACE_STEPS:
        raise InvalidUpdateError(f"trace of {steps}, {len(trace.y)} and {len(trace.z)} steps")
    if not 0 < trace.period <= MAX_WINDOW_US:
        raise InvalidUpdateError(f"trace.period {trace.period} µs is not within 1 and {MAX_WINDOW_US}")
    # A sum is cheaper than a look at each value, and is not finite if one is not.
    if not all(map(math.isfinite, (sum(trace.x), sum(trace.y), sum(trace.z)))):
        raise InvalidUpdateError("the trace holds values that are not finite")


def _check_time(field: str, moment: int) -> None:
    if not MIN_TIME_US <= moment <= MAX_TIME_US:
        raise InvalidUpdateError(f"{field} {moment} is not a time in µs since the epoch")
