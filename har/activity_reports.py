"""`ActivityReport`: a device's own predictions, sent to a gateway without any reading."""

import math
import re
from collections.abc import Container

import msgspec

from har.background import MAX_KINDS, MAX_NAME_CHARACTERS, is_kind_name
from har.decisions import UNKNOWN
from har.predictions import Prediction, WindowAlone
from har.rejections import RejectedMessage
from har.release_documents import ReleaseError, require_plain_name
from har.samples import MAX_SEQUENCE, MAX_TIME_US, MIN_TIME_US, UNDECODABLE, check_identifier, check_size

SCHEMA = 1
MAX_WINDOWS = 100
MAX_CLASSES = 64
MAX_WINDOW_US = 60_000_000
#: Largest number of a personal head that browsers read exactly.
MAX_HEAD_NUMBER = 2**53 - 1
#: How far the sum of a float32 network's probabilities may be from 1.
SUM_TOLERANCE = 0.01
_REASON = re.compile(r"[a-z]{1,32}")


class ReportedWindow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A device's prediction for one window; the fields are those of `har.predictions.Prediction`.

    The session's upright reference itself is not among them: it stays on the device.
    """

    start: int
    end: int
    activity: str
    confidence: float
    probabilities: dict[str, float]
    release: str
    reason: str | None = None
    kind: str | None = None
    background: dict[str, float] = {}
    lean: float | None = None
    alone: WindowAlone | None = None
    personal: int | None = None


class ActivityReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Predictions of one device for windows of one session.

    Attributes
    ----------
    device, session : str
        Identifiers, as in `har.samples.SampleBatch`.
    sequence : int
        The report's number in its session; the gateway's answer repeats it.
    windows : list of ReportedWindow
        1 to `MAX_WINDOWS` predictions.
    schema : int
        Version of this message.
    """

    device: str
    session: str
    sequence: int
    windows: list[ReportedWindow]
    schema: int = SCHEMA

    def predictions(self, arrived: int) -> list[Prediction]:
        """Return the report's predictions; `arrived` is when the report reached the gateway, µs since the epoch."""
        return [
            Prediction(
                self.device,
                self.session,
                window.start,
                window.end,
                window.activity,
                window.confidence,
                window.probabilities,
                window.release,
                arrived,
                "device",
                reason=window.reason,
                kind=window.kind,
                background=window.background,
                lean=window.lean,
                alone=window.alone,
                personal=window.personal,
            )
            for window in self.windows
        ]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(ActivityReport)


def encode_report(device: str, session: str, sequence: int, predictions: list[Prediction]) -> str:
    """Encode predictions of one session as JSON."""
    windows = [
        ReportedWindow(
            *(made.start, made.end, made.activity, made.confidence, made.probabilities, made.release, made.reason),
            *(made.kind, made.background, made.lean, made.alone, made.personal),
        )
        for made in predictions
    ]
    return _encoder.encode(ActivityReport(device, session, sequence, windows)).decode()


def decode_report(message: bytes) -> ActivityReport:
    """Decode and validate a report.

    Raises
    ------
    RejectedMessage
        With code ``empty``, ``oversized``, ``malformed``, ``schema``, ``device``, ``session``, ``sequence``, ``time``,
        ``release`` or ``prediction``.
    """
    check_size(message)
    try:
        report = _decoder.decode(message)
    except UNDECODABLE as error:
        raise RejectedMessage("malformed", f"not an activity report: {error}") from error
    if report.schema != SCHEMA:
        raise RejectedMessage("schema", f"schema version {report.schema} is not supported; this system reads {SCHEMA}")
    check_identifier("device", report.device)
    check_identifier("session", report.session)
    if not 0 <= report.sequence <= MAX_SEQUENCE:
        raise RejectedMessage("sequence", f"sequence {report.sequence} is not between 0 and 2^53 - 1")
    if not report.windows:
        raise RejectedMessage("empty", "the report has no window")
    if len(report.windows) > MAX_WINDOWS:
        raise RejectedMessage("oversized", f"{len(report.windows)} windows; the limit is {MAX_WINDOWS}")
    for window in report.windows:
        _check(window)
    return report


def _check(window: ReportedWindow) -> None:
    if not MIN_TIME_US <= window.start < window.end <= MAX_TIME_US or window.end - window.start > MAX_WINDOW_US:
        raise RejectedMessage("time", f"{window.start} to {window.end} is not a valid window in µs since the epoch")
    try:
        require_plain_name(window.release, "a release's name")
    except ReleaseError as error:
        raise RejectedMessage("release", str(error)) from error
    classes = len(window.probabilities)
    if not 2 <= classes <= MAX_CLASSES:
        raise RejectedMessage("prediction", f"{classes} classes; expected 2 to {MAX_CLASSES}")
    _check_background(window)
    values = [*window.probabilities.values(), *window.background.values()]
    if not all(0 <= value <= 1 for value in values) or not math.isclose(sum(values), 1, abs_tol=SUM_TOLERANCE):
        raise RejectedMessage("prediction", f"probabilities must be from 0 to 1 and sum to 1, not {sum(values):.3f}")
    for answer in (window, window.alone):
        if answer is not None:
            _check_answer(answer, window.probabilities)
    if window.lean is not None and not -1 <= window.lean <= 1:
        raise RejectedMessage("prediction", f"a lean is a cosine, from -1 to 1, not {window.lean}")
    if window.personal is not None:
        _check_personal(window.personal, window.reason)
    if window.reason is not None:
        _check_reason(window.reason, window.activity)


def _check_background(window: ReportedWindow) -> None:
    # The gateway has no manifests, so it checks the limits that hold for every release.
    if len(window.background) > MAX_KINDS:
        raise RejectedMessage("prediction", f"{len(window.background)} kinds of background; the limit is {MAX_KINDS}")
    for name in window.background:
        if not is_kind_name(name) or name in window.probabilities or name == UNKNOWN:
            raise RejectedMessage(
                "prediction",
                f"{name[:40]!r} cannot be a kind of background: up to {MAX_NAME_CHARACTERS} characters, and no class",
            )
    if window.background and window.reason is not None:
        raise RejectedMessage("prediction", f"with the reason {window.reason[:40]!r} there is no background")
    if window.kind is not None and (window.activity != UNKNOWN or window.kind not in window.background):
        raise RejectedMessage(
            "prediction", f"the kind {window.kind[:40]!r} of {window.activity[:40]!r} does not fit the background"
        )


def _check_answer(answer: ReportedWindow | WindowAlone, classes: Container[str]) -> None:
    if (answer.activity != UNKNOWN and answer.activity not in classes) or not 0 <= answer.confidence <= 1:
        raise RejectedMessage(
            "prediction", f"{answer.activity[:40]!r} with confidence {answer.confidence} does not fit these classes"
        )


def _check_personal(number: int, reason: str | None) -> None:
    if not 1 <= number <= MAX_HEAD_NUMBER:
        raise RejectedMessage(
            "prediction", f"{number} is no number of a personal head: they are from 1 to {MAX_HEAD_NUMBER}"
        )
    if reason is not None:
        raise RejectedMessage("prediction", f"with the reason {reason[:40]!r} no personal head was used")


def _check_reason(reason: str, activity: str) -> None:
    # A newer edge client may know further reasons, so any short word is accepted.
    if not _REASON.fullmatch(reason):
        raise RejectedMessage("prediction", f"{reason[:40]!r} cannot be a reason: up to 32 lower-case letters")
    if activity != UNKNOWN:
        raise RejectedMessage(
            "prediction", f"with the reason {reason!r} the activity must be unknown, not {activity!r}"
        )
