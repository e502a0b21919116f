"""Decoding and validation of untrusted `har.predictions.LiveUpdate` messages."""

import math

from har.background import MAX_KINDS, MAX_TITLE_CHARACTERS, is_kind_name
from har.predictions import SCHEMA, LiveUpdate, Prediction, Trace, decode_update
from har.rejections import RejectedMessage
from har.samples import MAX_TIME_US, MIN_TIME_US, UNDECODABLE, check_identifier

MAX_MESSAGE_BYTES = 262_144
MAX_TRACE_STEPS = 2_000
MAX_LABEL_CHARACTERS = 64
MAX_RELEASE_CHARACTERS = 128
MAX_REASON_CHARACTERS = 32
#: Most windows that an upright reference counts.
MAX_LEARNED_WINDOWS = 1_000
MAX_WINDOW_US = 3_600_000_000


class InvalidUpdateError(ValueError):
    """A message is not a valid live update."""


def read_update(message: bytes) -> LiveUpdate:
    """Decode a message of the live channel and check everything that the page relies on.

    Parameters
    ----------
    message : bytes
        The JSON of a `LiveUpdate`.

    Returns
    -------
    LiveUpdate
        The update. Its times, identifiers, names, probabilities and trace are within their limits.

    Raises
    ------
    InvalidUpdateError
        If the message is too long, is not JSON of this type, or has a value outside its limits.
    """
    if len(message) > MAX_MESSAGE_BYTES:
        raise InvalidUpdateError(f"the message has {len(message):,} bytes, more than {MAX_MESSAGE_BYTES:,}")
    try:
        update = decode_update(message)
    except UNDECODABLE as error:
        raise InvalidUpdateError(str(error)) from error
    _check_prediction(update.prediction)
    _check_kinds(update)
    _check_upright(update.prediction)
    _check_personal(update.prediction.personal)
    _check_time("published", update.published)
    _check_trace(update.trace)
    return update


def _check_prediction(prediction: Prediction) -> None:
    if prediction.schema != SCHEMA:
        raise InvalidUpdateError(f"schema {prediction.schema} is not supported, expected {SCHEMA}")
    try:
        check_identifier("device", prediction.device)
        check_identifier("session", prediction.session)
    except RejectedMessage as error:
        raise InvalidUpdateError(error.detail) from error
    for field, text, longest in (
        ("activity", prediction.activity, MAX_LABEL_CHARACTERS),
        ("release", prediction.release, MAX_RELEASE_CHARACTERS),
        *((("reason", prediction.reason, MAX_REASON_CHARACTERS),) if prediction.reason is not None else ()),
        *(("class name", name, MAX_LABEL_CHARACTERS) for name in prediction.probabilities),
    ):
        if not 0 < len(text) <= longest:
            raise InvalidUpdateError(f"{field} has {len(text)} characters, expected 1 to {longest}")
    for field, moment in (("start", prediction.start), ("arrived", prediction.arrived)):
        _check_time(field, moment)
    if not 0 < prediction.end - prediction.start <= MAX_WINDOW_US:
        length = prediction.end - prediction.start
        raise InvalidUpdateError(f"the window is {length} µs long, expected 1 to {MAX_WINDOW_US}")
    if not prediction.probabilities:
        raise InvalidUpdateError("probabilities is empty")
    for probability in (prediction.confidence, *prediction.probabilities.values()):
        if not 0 <= probability <= 1:
            raise InvalidUpdateError(f"probability {probability} is not between 0 and 1")


def _check_kinds(update: LiveUpdate) -> None:
    kind, background, title = update.prediction.kind, update.prediction.background, update.kind_title
    if len(background) > MAX_KINDS:
        raise InvalidUpdateError(f"{len(background)} kinds of background, expected up to {MAX_KINDS}")
    for name, probability in background.items():
        if not is_kind_name(name):
            raise InvalidUpdateError(f"{name[:80]!r} cannot be a kind of background")
        if not 0 <= probability <= 1:
            raise InvalidUpdateError(f"probability {probability} is not between 0 and 1")
    if kind is not None and kind not in background:
        raise InvalidUpdateError(f"the kind {kind[:80]!r} is not in the background")
    if title is not None and not 0 < len(title) <= MAX_TITLE_CHARACTERS:
        raise InvalidUpdateError(f"kind_title has {len(title)} characters, expected 1 to {MAX_TITLE_CHARACTERS}")


def _check_upright(prediction: Prediction) -> None:
    lean, reference = prediction.lean, prediction.reference
    if lean is not None and not -1 <= lean <= 1:
        raise InvalidUpdateError(f"lean {lean} is not between -1 and 1")
    if reference is None:
        return
    for field, windows in (("windows", reference.windows), ("others", reference.others)):
        if not 0 <= windows <= MAX_LEARNED_WINDOWS:
            raise InvalidUpdateError(f"reference: {field} is {windows}, expected 0 to {MAX_LEARNED_WINDOWS}")


def _check_personal(number: int | None) -> None:
    if number is not None and number < 1:
        raise InvalidUpdateError(f"personal {number} is no number of a personal head")


def _check_trace(trace: Trace) -> None:
    _check_time("trace.start", trace.start)
    steps = len(trace.x)
    if not steps == len(trace.y) == len(trace.z) or steps > MAX_TRACE_STEPS:
        lengths = f"{steps}, {len(trace.y)} and {len(trace.z)}"
        raise InvalidUpdateError(f"trace axes have {lengths} values, expected equal numbers up to {MAX_TRACE_STEPS}")
    if not 0 < trace.period <= MAX_WINDOW_US:
        raise InvalidUpdateError(f"trace.period {trace.period} µs is not between 1 and {MAX_WINDOW_US}")
    # Faster than a check of each value: if any value is not finite, the sum is not finite.
    if not all(map(math.isfinite, (sum(trace.x), sum(trace.y), sum(trace.z)))):
        raise InvalidUpdateError("trace contains values that are not finite")


def _check_time(field: str, moment: int) -> None:
    if not MIN_TIME_US <= moment <= MAX_TIME_US:
        raise InvalidUpdateError(f"{field} {moment} is not a time in µs since the epoch")
