"""Audit a running system from outside, with Kafka, a release and, optionally, journals."""

import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from kafka import KafkaAdminClient

from deploy.audit.findings import Audit, compare
from deploy.audit.known_heads import Heads, KnownHeads
from deploy.audit.prediction_watch import PredictionWatch, SeenMessages
from deploy.audit.reference import Acknowledged, Reference
from deploy.audit.reference_building import ReferenceBuilder
from deploy.audit.sources import Journals, SamplesLog
from deploy.topics import check_kafka
from har import rights
from har.process.clock import now_us
from har.process.kafka_access import require_rights
from har.process.kafka_connection import KafkaConnection
from har.process.kafka_reading import STALLED_SECONDS
from har.releases import ReleaseManifest
from har.time_units import MICROSECONDS
from model_store.onnx_classifier import OnnxClassifier
from model_store.release_folder import BASELINE

#: Interval between reads of the log while windows are missing, for rejections that explain them, s.
LOOK_AGAIN_SECONDS = 2.0
#: Predictions are read from this long before the samples, since clocks differ, µs.
CLOCK_MARGIN_US = 60 * MICROSECONDS

#: Called with the current step, how much of it is done, and the total.
Report = Callable[[str, int, int], None]


def _report_nothing(_: str, __: int, ___: int) -> None:
    pass


def audit(
    kafka: KafkaConnection,
    *,
    journals: Path | None = None,
    release: str = BASELINE,
    wait_seconds: float = 30.0,
    tolerance: float = 0.0,
    grace_seconds: float = 2.0,
    since_seconds: float | None = None,
    heads: Callable[[], Heads] | None = None,
    report: Report = _report_nothing,
) -> Audit:
    """Audit a system: wait until every expected window is predicted, or no more predictions come, and compare.

    A processor that catches up makes progress, and the audit waits for it as long as it does. The system may continue
    to run. Batches that arrive during the audit may be without predictions at its end.
    The audit needs about 4 kB of memory per window.

    Parameters
    ----------
    kafka : KafkaConnection
        How to connect to Kafka.
    journals : Path, optional
        Folder in which all senders recorded their acknowledged batches. Without it, the batches in
        `accelerometer.samples` count as acknowledged, and batches that never arrived there are not detected.
    release : str
        Folder of the release that made the predictions, or ``"baseline"``.
    wait_seconds : float
        How long to wait for windows that are not predicted yet, from the last one that was, s.
    tolerance : float
        Largest difference of probabilities that count as equal. With 0 every bit counts.
    grace_seconds : float
        The processor's grace, s.
    since_seconds : float, optional
        Audit only what reached the gateway in this time, s. Cannot be combined with `journals`.
    heads : callable, optional
        Returns the personal heads that the store has, by device. Without it, windows that a head corrected are not
        compared.
    report : callable, optional
        Called with the progress.

    Raises
    ------
    kafka.errors.KafkaError, TimeoutError
        If Kafka cannot be reached, or stops answering.
    har.process.kafka_reading.MissingTopicError
        If a topic does not exist.
    deploy.audit.sources.NoJournalError, ingest.senders.journal.JournalError
        If `journals` contains no journal, or a file that is not a journal.
    OSError
        If `journals` cannot be read.
    har.releases.ReleaseError
        If the release cannot be used, or the personal heads cannot be fetched.
    """
    classifier = OnnxClassifier.open(release)
    recorded = Journals(journals) if journals is not None else None
    require_rights(KafkaAdminClient, kafka, rights.AUDIT)
    check_kafka(kafka)
    since_us = None if since_seconds is None else now_us() - round(since_seconds * MICROSECONDS)
    with ExitStack() as stack:
        log = stack.enter_context(SamplesLog(kafka, since_us=since_us))
        log.open()
        watch = PredictionWatch(kafka, since_us=None if since_us is None else since_us - CLOCK_MARGIN_US)
        reading = stack.enter_context(ExitStack())
        reading.enter_context(closing(watch))
        watch.start()
        builder = ReferenceBuilder(classifier, round(grace_seconds * MICROSECONDS), uses_heads=heads is not None)
        comparison = _Comparison(classifier.manifest, builder, recorded, log, report)
        comparison.update()
        seen = comparison.wait_for_due(watch, wait_seconds)
        report("reading predictions", len(seen.predictions), len(seen.predictions))
        if not watch.wait_for_end(STALLED_SECONDS + wait_seconds):
            raise TimeoutError("the end of the predictions in Kafka was not reached")
        reading.close()
        if not comparison.explains(seen):
            comparison.update()  # predictions that came meanwhile need readings that came meanwhile
        if heads is not None:  # as late as possible: a head may have been published meanwhile
            comparison.reference.heads = KnownHeads(heads(), classifier.manifest)
        return compare(comparison.reference, seen, tolerance=tolerance)


class _Comparison:
    """Keeps a reference up to date with a growing log."""

    def __init__(
        self,
        manifest: ReleaseManifest,
        builder: ReferenceBuilder,
        journals: Journals | None,
        log: SamplesLog,
        report: Report,
    ) -> None:
        self.reference = Reference(
            manifest.release,
            tuple(manifest.classes),
            manifest.window_spec.length_us,
            has_journals=journals is not None,
            thresholds=manifest.thresholds,
            kinds=tuple(manifest.kinds),
            upright=manifest.upright,
        )
        self._builder = builder
        self._journals = journals
        self._log = log
        self._report = report

    def update(self) -> None:
        """Read the log to its end, and update the reference."""
        changed = self._log.read_on(lambda done, total: self._report("reading samples", done, total))
        if self._journals is not None:
            changed |= set(self._journals.devices) - self.reference.devices.keys()
        self._builder.update(
            self.reference,
            changed,
            self._log.messages,
            self._log.rejections,
            self._acknowledged,
            lambda done, total: self._report("classifying devices", done, total),
        )
        self.reference.log_begins_us = self._log.begins_us
        self.reference.rejected = self._log.count_rejections()
        self.reference.unreadable = list(self._log.unreadable)

    def wait_for_due(self, watch: PredictionWatch, wait_seconds: float) -> SeenMessages:
        """Wait until every expected window was seen, or none of those expected at first came for `wait_seconds`."""
        # Windows that become due meanwhile would prolong the wait for ever, as a running system always has new ones.
        awaited = set(self.reference.due())
        deadline = time.monotonic() + wait_seconds
        while True:
            due = set(self.reference.due())
            left = max(0.0, deadline - time.monotonic())
            seen = watch.wait_for(due, min(LOOK_AGAIN_SECONDS, left))
            if found := awaited & seen.predictions.keys():
                awaited -= found
                deadline = time.monotonic() + wait_seconds
            self._report("waiting for predictions", len(due & seen.predictions.keys()), len(due))
            if left == 0 or due <= seen.predictions.keys():
                return seen
            self.update()

    def explains(self, seen: SeenMessages) -> bool:
        """Return whether there are known readings for every prediction."""
        return all(self.reference.prediction(key) is not None for key in seen.predictions)

    def _acknowledged(self, device: str) -> Acknowledged | None:
        return self._journals.acknowledged(device) if self._journals is not None else None
