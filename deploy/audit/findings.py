"""The result of an audit: predictions in Kafka compared with the reference."""

from collections import Counter
from collections.abc import Iterable

import msgspec

from deploy.audit.prediction_watch import SeenMessages, WindowKey
from deploy.audit.reference import Reference
from deploy.audit.stored import Unreadable
from deploy.audit.values import ValueComparison
from har.predictions import Prediction

#: Number of examples of each fault.
EXAMPLES = 5
#: Codes of rejections whose reason is another batch, which may be before the beginning of the log.
REFER_BACK = {"conflict", "sequence"}


class Example(msgspec.Struct, frozen=True, omit_defaults=True):
    """A place where a fault occurred.

    Attributes
    ----------
    device, session : str
        The device and its session.
    start : int or None
        Start of the window, µs since the epoch; None for a batch.
    sequence : int or None
        Number of the batch; None for a window.
    detail : str
        What is wrong; empty if the kind of fault states it.
    """

    device: str
    session: str
    start: int | None = None
    sequence: int | None = None
    detail: str = ""


class AuditFinding(msgspec.Struct):
    """The number of occurrences of a fault, and some examples, ordered by device, session and place."""

    count: int = 0
    examples: list[Example] = msgspec.field(default_factory=list)


class Audit(msgspec.Struct):
    """The result of an audit.

    Attributes
    ----------
    release : str
        The release whose predictions were expected.
    tolerance : float
        Largest difference of probabilities that count as equal.
    sessions : int
        Sessions that have readings in Kafka or a journal.
    batches_acknowledged : int or None
        Batches in the journals; None without journals.
    batches_stored : int
        Different batches in Kafka.
    batches_repeated : int
        Messages that repeat a batch.
    batches_unacknowledged : int or None
        Batches in Kafka that are in no journal: the acknowledgement may not have reached the sender.
    batches_unusable : int
        Messages that are no batch, or have another device's key.
    numbers_missing : int or None
        Missing sequence numbers, in audits without journals; None with journals.
    rejected : dict of str to int
        Number of messages that the processor rejected, by code; their windows are not expected.
    windows_expected : int
        Windows that must be predicted.
    windows_answered : int
        Distinct windows that were predicted.
    windows_allowed : int
        Predicted windows that were optional: their readings are stored but not acknowledged, came during the
        audit, or are followed by readings that are not known yet.
    windows_before_log : int
        Predicted windows whose readings Kafka has deleted, or which the audit leaves out.
    windows_compared : int
        Predicted windows whose values were compared.
    windows_with_reference : int
        Compared windows for which the session's upright reference was used.
    windows_with_head : int
        Compared windows that a personal head corrected.
    windows_of_other_releases : int
        Windows whose newest prediction is of another release; only their presence is checked.
    releases : dict of str to int
        Number of windows by the release of their newest prediction.
    most_release_changes : int
        Largest number of release changes between consecutive windows of a device.
    predictions_repeated : int
        Predictions that repeat a window; delivery is at least once.
    max_difference : float
        Largest difference of a probability.
    lost_batches : AuditFinding
        Acknowledged batches that are not in Kafka, or not with these readings.
    wrongly_rejected : AuditFinding
        Batches that the processor rejected although nothing in the log gives a reason.
    missing : AuditFinding
        Expected windows without a prediction.
    extra : AuditFinding
        Predicted windows without readings.
    differing : AuditFinding
        Windows whose newest prediction is not the release's.
    contradicted : AuditFinding
        Windows with two different predictions of one release.
    out_of_order : AuditFinding
        Windows first predicted after a later window of their session.
    head_unknown : AuditFinding
        Windows that cannot be compared: the personal head that corrected them is not known. The store does not have it
        any more, as when its device was forgotten, or the audit does not ask a store. This is no fault.
    other_head : AuditFinding
        Windows that another personal head, or none, should have corrected by the time of their arrival. This is no
        fault: a processor that cannot reach the store in time uses what it has.
    undecodable, unreadable : int, list of Unreadable
        Messages on the predictions' topic that are no prediction; batches of Kafka that cannot be read.
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
    windows_with_reference: int
    windows_with_head: int
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
    head_unknown: AuditFinding
    other_head: AuditFinding
    undecodable: int
    unreadable: list[Unreadable] = []

    @property
    def faults(self) -> dict[str, AuditFinding]:
        """All kinds of faults, by name."""
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
    def remarks(self) -> dict[str, AuditFinding]:
        """What is listed as faults are, but is no fault, by name."""
        return {"personal heads unknown": self.head_unknown, "other personal heads": self.other_head}

    @property
    def is_empty(self) -> bool:
        """Whether there was no batch to audit, and nothing is wrong: the audit has no result."""
        return self.is_clean and not self.batches_stored + sum(self.rejected.values())

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, invented, changed or reordered."""
        return not any(finding.count for finding in self.faults.values())


def compare(reference: Reference, seen: SeenMessages, *, tolerance: float = 0.0) -> Audit:
    """Compare the predictions with the expected ones.

    Parameters
    ----------
    reference : Reference
        The expected predictions.
    seen : SeenMessages
        The messages of the predictions' topic.
    tolerance : float
        Largest difference of probabilities that count as equal. With 0 every bit counts.
    """
    predictions = seen.predictions
    unexplained = [prediction for key, prediction in predictions.items() if reference.prediction(key) is None]
    extra = [prediction for prediction in unexplained if not reference.is_before_log(prediction)]
    values = ValueComparison(reference, predictions.values(), tolerance)
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
        windows_allowed=len(predictions) - len(unexplained) - len(due & predictions.keys()),
        windows_before_log=len(unexplained) - len(extra),
        windows_compared=values.compared,
        windows_with_reference=values.with_reference,
        windows_with_head=values.with_head,
        windows_of_other_releases=values.of_other_releases,
        releases=dict(sorted(Counter(prediction.release for prediction in predictions.values()).items())),
        most_release_changes=max(release_changes(predictions.values()).values(), default=0),
        predictions_repeated=seen.repeated,
        max_difference=values.max_difference,
        lost_batches=_finding(Example(*lost[:2], sequence=lost.sequence) for each in devices for lost in each.lost),
        wrongly_rejected=_finding(
            Example(*found[:2], sequence=found.sequence, detail=found.code)
            for device in devices
            for found in device.unfounded
            if not (reference.log_begins_us and found.code in REFER_BACK)
        ),
        missing=_finding(_example(key) for key in due - predictions.keys()),
        extra=_finding(_example(prediction.key) for prediction in extra),
        differing=_finding(_example(*each) for each in values.differing),
        contradicted=_finding(_example(key) for key in seen.contradicted if not _is_explained(reference, seen, key)),
        out_of_order=_finding(_example(key) for key in seen.disordered),
        head_unknown=_finding(_example(*each) for each in values.head_unknown),
        other_head=_finding(_example(*each) for each in values.other_head),
        undecodable=seen.undecodable,
        unreadable=reference.unreadable,
    )


def release_changes(predictions: Iterable[Prediction]) -> dict[str, int]:
    """Return the number of release changes between consecutive windows of each device, in event time."""
    changes: dict[str, int] = {}
    latest: dict[str, str] = {}
    for prediction in sorted(predictions, key=lambda prediction: prediction.start):
        before = latest.get(prediction.device, prediction.release)
        changes[prediction.device] = changes.get(prediction.device, 0) + (prediction.release != before)
        latest[prediction.device] = prediction.release
    return changes


def _is_explained(reference: Reference, seen: SeenMessages, key: WindowKey) -> bool:
    """Return whether a window may have two predictions, as a head that one of them names is not known."""
    return any(reference.heads.misses(key[0], number) for number in seen.heads_of_contradicted.get(key, ()))


def _example(key: WindowKey, detail: str = "") -> Example:
    return Example(*key, detail=detail)


def _finding(examples: Iterable[Example]) -> AuditFinding:
    found = sorted(examples, key=_order)
    return AuditFinding(len(found), found[:EXAMPLES])


def _order(example: Example) -> tuple[str, str, int]:
    return example.device, example.session, example.start or example.sequence or 0
