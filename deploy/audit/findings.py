"""What an audit found: predictions in Kafka against the reference."""

import math
from collections import Counter
from collections.abc import Iterable

import msgspec

from deploy.audit.reference import Answer, Reference
from deploy.audit.summary import SeenMessages, WindowKey
from har.answers import UNKNOWN, decide
from har.predictions import Prediction

#: So many examples are given of each fault.
EXAMPLES = 5
#: Rejections whose reason is another batch, which may lie before the log.
REFER_BACK = {"conflict", "sequence"}


class Example(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a fault can be seen.

    Attributes
    ----------
    device, session : str
        Whose.
    start : int or None
        The window's start, µs since the epoch.
    sequence : int or None
        The batch's number.
    detail : str
        What is wrong there.
    """

    device: str
    session: str
    start: int | None = None
    sequence: int | None = None
    detail: str = ""


class AuditFinding(msgspec.Struct):
    """How often a fault was found, and some examples in the order of device, session and place."""

    count: int = 0
    examples: list[Example] = msgspec.field(default_factory=list)


class Audit(msgspec.Struct):
    """What an audit found.

    Attributes
    ----------
    release : str
        The release whose answers were expected.
    tolerance : float
        Largest difference of a probability that counts as equal.
    sessions : int
        Sessions that have readings in Kafka or a journal.
    batches_acknowledged : int or None
        Batches in the journals; None without journals.
    batches_stored : int
        Different batches in Kafka.
    batches_repeated : int
        Messages that repeat a batch.
    batches_unacknowledged : int or None
        Batches in Kafka that no journal has: their acknowledgement may have been cut off.
    batches_unusable : int
        Messages that are no batch, or lie under another device's key.
    numbers_missing : int or None
        Sequence numbers missing between others, where no journal tells whether they were acknowledged.
    rejected : dict of str to int
        Messages that the processor rejected, by code; their windows are not expected.
    windows_expected : int
        Windows that must have been answered.
    windows_answered : int
        Different windows that were.
    windows_allowed : int
        Answered windows that need not have been: their readings are stored but not acknowledged, came during
        the audit, or are followed by readings that are not known yet.
    windows_before_log : int
        Answered windows whose readings Kafka does not hold any more, or which the audit was told to leave out.
    windows_compared : int
        Answered windows whose values were compared.
    windows_of_other_releases : int
        Answered windows that another release answered last; only their presence is checked.
    releases : dict of str to int
        How many windows each release answered last.
    most_release_changes : int
        How often the release changed from one of a device's windows to the next, at the device with most changes.
    predictions_repeated : int
        Predictions that repeat a window; delivery is at least once.
    max_difference : float
        Largest difference of a probability.
    lost_batches : AuditFinding
        Batches that were acknowledged and are not in Kafka, or not with these readings.
    wrongly_rejected : AuditFinding
        Batches that the processor rejected although nothing in the log gives a reason.
    missing : AuditFinding
        Windows that must have been answered and were not.
    extra : AuditFinding
        Answered windows that no readings give.
    differing : AuditFinding
        Windows whose newest answer is not the release's.
    contradicted : AuditFinding
        Windows of which one release gave two different answers.
    out_of_order : AuditFinding
        Windows that first came after a later window of their session.
    undecodable : int
        Messages on the predictions' topic that are none.
    """

    release: str
    tolerance: float
    sessions: int
    batches_acknowledged: int | None
    batches_stored: int
    batches_repeated: int
    batches_unacknowledged: int | None
    batches_unusable: int
    numbers_missing: int | None
    rejected: dict[str, int]
    windows_expected: int
    windows_answered: int
    windows_allowed: int
    windows_before_log: int
    windows_compared: int
    windows_of_other_releases: int
    releases: dict[str, int]
    most_release_changes: int
    predictions_repeated: int
    max_difference: float
    lost_batches: AuditFinding
    wrongly_rejected: AuditFinding
    missing: AuditFinding
    extra: AuditFinding
    differing: AuditFinding
    contradicted: AuditFinding
    out_of_order: AuditFinding
    undecodable: int

    @property
    def faults(self) -> dict[str, AuditFinding]:
        """Every kind of fault by what it is called."""
        return {
            "batches lost": self.lost_batches,
            "batches rejected wrongly": self.wrongly_rejected,
            "windows missing": self.missing,
            "windows extra": self.extra,
            "windows differing": self.differing,
            "windows contradicted": self.contradicted,
            "windows out of order": self.out_of_order,
            "messages undecodable": AuditFinding(self.undecodable),
        }

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, invented, changed or disordered."""
        return not any(finding.count for finding in self.faults.values())


def compare(reference: Reference, seen: SeenMessages, *, tolerance: float = 0.0) -> Audit:
    """Compare what was predicted with what had to be.

    Parameters
    ----------
    reference : Reference
        What had to be.
    seen : SeenMessages
        What was read of the predictions' topic.
    tolerance : float
        Largest difference of a probability that counts as equal. With 0 every bit counts.
    """
    predictions = seen.predictions
    unknown = [prediction for key, prediction in predictions.items() if reference.answer(key) is None]
    extra = [prediction for prediction in unknown if not is_before_log(reference, prediction)]
    values = _Values(reference, predictions.values(), tolerance)
    due = set(reference.due())
    devices = reference.devices.values()
    return Audit(
        release=reference.release,
        tolerance=tolerance,
        sessions=sum(device.sessions for device in devices),
        batches_acknowledged=sum(device.acknowledged for device in devices) if reference.has_journals else None,
        batches_stored=sum(device.stored for device in devices),
        batches_repeated=sum(device.repeated for device in devices),
        batches_unacknowledged=sum(device.unacknowledged for device in devices) if reference.has_journals else None,
        batches_unusable=sum(device.unusable for device in devices),
        numbers_missing=None if reference.has_journals else sum(device.missing_numbers for device in devices),
        rejected=dict(sorted(reference.rejected.items())),
        windows_expected=len(due),
        windows_answered=len(predictions),
        windows_allowed=len(predictions) - len(unknown) - len(due & predictions.keys()),
        windows_before_log=len(unknown) - len(extra),
        windows_compared=values.compared,
        windows_of_other_releases=values.of_other_releases,
        releases=dict(sorted(Counter(prediction.release for prediction in predictions.values()).items())),
        most_release_changes=max(release_changes(predictions.values()).values(), default=0),
        predictions_repeated=seen.repeated,
        max_difference=values.max_difference,
        lost_batches=_finding(
            Example(*batch[:2], sequence=batch.sequence) for device in devices for batch in device.lost
        ),
        wrongly_rejected=_finding(
            Example(*rejection[:2], sequence=rejection.sequence, detail=rejection.code)
            for device in devices
            for rejection in device.unfounded
            if not (reference.log_begins_us and rejection.code in REFER_BACK)
        ),
        missing=_finding(_at(key) for key in due - predictions.keys()),
        extra=_finding(_at(prediction.key) for prediction in extra),
        differing=_finding(values.differing),
        contradicted=_finding(_at(key) for key in seen.contradicted),
        out_of_order=_finding(_at(key) for key in seen.disordered),
        undecodable=seen.undecodable,
    )


def release_changes(predictions: Iterable[Prediction]) -> dict[str, int]:
    """Return how often each device's release changed from one window to the next, in the order of event time."""
    changes: dict[str, int] = {}
    latest: dict[str, str] = {}
    for prediction in sorted(predictions, key=lambda each: each.start):
        before = latest.get(prediction.device, prediction.release)
        changes[prediction.device] = changes.get(prediction.device, 0) + (prediction.release != before)
        latest[prediction.device] = prediction.release
    return changes


def is_before_log(reference: Reference, prediction: Prediction) -> bool:
    """Tell whether a window that the known readings do not give needs readings from before the log begins."""
    device = reference.devices.get(prediction.device)
    told_from = device.cut_sessions.get(prediction.session) if device is not None else None
    if told_from is not None:
        return prediction.start < told_from
    return prediction.arrived < reference.log_begins_us


class _Values:
    """Compares the values of the answers that the audited release gave."""

    def __init__(self, reference: Reference, predictions: Iterable[Prediction], tolerance: float) -> None:
        self._reference = reference
        self._tolerance = tolerance
        self.compared = 0
        self.of_other_releases = 0
        self.max_difference = 0.0
        self.differing: list[Example] = []
        for prediction in predictions:
            answer = reference.answer(prediction.key)
            if prediction.release != reference.release:
                self.of_other_releases += 1
            elif answer is not None:
                self.compared += 1
                self._compare(prediction, answer)

    def _compare(self, prediction: Prediction, answer: Answer) -> None:
        classes = self._reference.classes
        if prediction.probabilities.keys() != set(classes):
            self._differs(prediction, f"classes {sorted(prediction.probabilities)} instead of {sorted(classes)}")
            return
        right = dict(zip(classes, answer.probabilities, strict=True))
        expected = decide(right, self._reference.decision_threshold)
        largest = max(answer.probabilities)
        confidence = 1.0 - largest if prediction.activity == UNKNOWN else largest
        difference = max(abs(prediction.probabilities[name] - right[name]) for name in classes)
        difference = max(difference, abs(prediction.confidence - confidence))
        self.max_difference = max(self.max_difference, difference)
        if not difference <= self._tolerance:
            self._differs(prediction, f"a probability is off by {difference:.3g}")
        elif prediction.activity != expected.activity and not self._is_tie(prediction, right):
            self._differs(prediction, f"{prediction.activity} instead of {expected.activity}")
        elif prediction.end != prediction.start + self._reference.length_us:
            self._differs(prediction, f"it ends at {prediction.end}")

    def _is_tie(self, prediction: Prediction, right: dict[str, float]) -> bool:
        """Tell whether two probabilities, or one and the threshold, within the tolerance changed places."""
        largest, threshold = max(right.values()), self._reference.decision_threshold
        if prediction.activity == UNKNOWN:
            return self._tolerance > 0 and threshold > 0 and largest <= threshold + self._tolerance
        behind = largest - right.get(prediction.activity, -math.inf)
        reaches = largest >= threshold - self._tolerance
        return self._tolerance > 0 and reaches and behind <= 2 * self._tolerance

    def _differs(self, prediction: Prediction, detail: str) -> None:
        self.differing.append(_at(prediction.key, detail))


def _at(key: WindowKey, detail: str = "") -> Example:
    return Example(*key, detail=detail)


def _finding(examples: Iterable[Example]) -> AuditFinding:
    found = sorted(examples, key=_order)
    return AuditFinding(len(found), found[:EXAMPLES])


def _order(example: Example) -> tuple[str, str, int]:
    return example.device, example.session, example.start or example.sequence or 0
