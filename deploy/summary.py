"""What a run brought about: acknowledged readings against the predictions that Kafka holds."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
from kafka import KafkaConsumer, TopicPartition

from har import topics
from har.predictions import Prediction, decode_prediction
from har.recordings import window_labels
from har.windows import WindowSpec, recording_windows
from ingest.journal import read_journals

WindowKey = tuple[str, str, int]


class Latency(msgspec.Struct):
    """Milliseconds from the arrival of a window's last reading at the gateway to its prediction in Kafka."""

    p50: float | None
    p99: float | None


class Summary(msgspec.Struct):
    """What happened in a run.

    Attributes
    ----------
    devices : int
        Phones that had batches acknowledged.
    batches_acknowledged : int
        Batches the phones know to be in Kafka.
    windows_expected : int
        Windows that the acknowledged readings give offline.
    windows_classified : int
        Different windows that were predicted.
    windows_missing, windows_extra : int
        Expected but not predicted, and the other way round.
    windows_repeated : int
        Predictions that repeat a window.
    latency_ms : Latency
        See there; only windows that were predicted while the run was watched.
    accuracy : float or None
        Share of right answers among windows with one true activity.
    windows_scored : int
        How many those are.
    windows_by_activity : dict of str to int
        The same by true activity.
    release : list of str
        Releases that answered.
    """

    devices: int
    batches_acknowledged: int
    windows_expected: int
    windows_classified: int
    windows_missing: int
    windows_extra: int
    windows_repeated: int
    latency_ms: Latency
    accuracy: float | None
    windows_scored: int
    windows_by_activity: dict[str, int]
    release: list[str]


@dataclass
class Seen:
    """Predictions as they were read from Kafka: the newest of each window, and how late each first came.

    Attributes
    ----------
    predictions : dict of WindowKey to Prediction
        The newest prediction of each window.
    latencies_ms : list of float
        Of each window's first prediction.
    repeated : int
        Predictions that repeated a window.
    first_us, last_us : int
        When the first and the last prediction were read, µs since the epoch.
    undecodable : int
        Messages that are no prediction.
    """

    predictions: dict[WindowKey, Prediction] = field(default_factory=dict)
    latencies_ms: list[float] = field(default_factory=list)
    repeated: int = 0
    first_us: int = 0
    last_us: int = 0
    undecodable: int = 0

    def add(self, message: bytes, seen_us: int) -> None:
        """Add a message of the predictions' topic, read at `seen_us` µs since the epoch."""
        try:
            prediction = decode_prediction(message)
        except msgspec.MsgspecError:
            self.undecodable += 1
            return
        self.first_us = self.first_us or seen_us
        self.last_us = seen_us
        if prediction.key in self.predictions:
            self.repeated += 1
        else:
            self.latencies_ms.append((seen_us - prediction.arrived) / 1000)
        self.predictions[prediction.key] = prediction


class PredictionWatch:
    """Reads the predictions' topic from its beginning, in a thread, as a downstream consumer would.

    Latency is therefore counted until a consumer has the prediction, not until it was sent.
    """

    def __init__(self, bootstrap: str) -> None:
        self._consumer = KafkaConsumer(
            bootstrap_servers=bootstrap.split(","),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=50,
        )
        self._seen = Seen()
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name="prediction-watch", daemon=True)

    def start(self) -> None:
        """Begin to read.

        Raises
        ------
        LookupError
            If the topic does not exist.
        """
        partitions = self._consumer.partitions_for_topic(topics.PREDICTIONS.name)
        if not partitions:
            raise LookupError(f"Kafka has no topic {topics.PREDICTIONS.name}")
        assigned = [TopicPartition(topics.PREDICTIONS.name, number) for number in sorted(partitions)]
        self._consumer.assign(assigned)
        self._consumer.seek_to_beginning(*assigned)
        self._thread.start()

    def wait_for(self, keys: Iterable[WindowKey], timeout_seconds: float) -> Seen:
        """Wait until all windows were seen, or the time is over; return what was seen."""
        wanted = set(keys)
        with self._changed:
            self._changed.wait_for(lambda: wanted <= self._seen.predictions.keys(), timeout_seconds)
            return self._seen

    def wait_for_count(self, windows: int, timeout_seconds: float) -> Seen:
        """Wait until so many different windows were seen, or the time is over; return what was seen."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._seen.predictions) >= windows, timeout_seconds)
            return self._seen

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def _read(self) -> None:
        while not self._stop.is_set():
            polled = self._consumer.poll(timeout_ms=200)
            seen_us = time.time_ns() // 1000
            with self._changed:
                for records in polled.values():
                    for record in records:
                        self._seen.add(record.value, seen_us)
                self._changed.notify_all()


@dataclass
class Expected:
    """What the senders' journals say must have been classified."""

    devices: int
    batches: int
    truth: dict[WindowKey, str | None]


def expected_windows(journals: Path, spec: WindowSpec) -> Expected:
    """Cut the windows of all acknowledged readings offline, with the true activity where there is one."""
    expected = Expected(0, 0, {})
    for recording, batches in read_journals(journals):
        expected.devices += 1
        expected.batches += batches
        starts = recording_windows(recording.times, recording.axes, spec).starts
        labels = window_labels(recording, starts, spec)
        for start, label in zip(starts.tolist(), labels, strict=True):
            expected.truth[recording.device, recording.session, start] = label
    return expected


def summarise(expected: Expected, seen: Seen) -> Summary:
    """Compare what was predicted with what had to be."""
    predicted = seen.predictions
    scored = [(key, label) for key, label in expected.truth.items() if label is not None and key in predicted]
    right = sum(predicted[key].activity == label for key, label in scored)
    by_activity: dict[str, int] = {}
    for _, label in scored:
        by_activity[label] = by_activity.get(label, 0) + 1
    return Summary(
        devices=expected.devices,
        batches_acknowledged=expected.batches,
        windows_expected=len(expected.truth),
        windows_classified=len(predicted),
        windows_missing=len(expected.truth.keys() - predicted.keys()),
        windows_extra=len(predicted.keys() - expected.truth.keys()),
        windows_repeated=seen.repeated,
        latency_ms=_latency(seen.latencies_ms),
        accuracy=right / len(scored) if scored else None,
        windows_scored=len(scored),
        windows_by_activity=dict(sorted(by_activity.items())),
        release=sorted({prediction.release for prediction in predicted.values()}),
    )


def _latency(milliseconds: list[float]) -> Latency:
    if not milliseconds:
        return Latency(None, None)
    p50, p99 = np.percentile(milliseconds, [50, 99])
    return Latency(round(float(p50), 1), round(float(p99), 1))


def describe(summary: Summary, seconds: float) -> str:
    """Return the summary as a few lines for a person."""
    accuracy = "-" if summary.accuracy is None else f"{summary.accuracy:.3f}"
    rate = summary.windows_classified / seconds if seconds else 0
    return (
        f"{summary.devices} phones, {summary.batches_acknowledged} batches acknowledged\n"
        f"{summary.windows_classified} of {summary.windows_expected} windows classified "
        f"({summary.windows_missing} missing, {rate:.1f} a second)\n"
        f"latency p50 {summary.latency_ms.p50} ms, p99 {summary.latency_ms.p99} ms\n"
        f"right on {accuracy} of {summary.windows_scored} windows with one true activity"
    )
