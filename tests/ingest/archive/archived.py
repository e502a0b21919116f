"""An archive under test: sends messages to Kafka, runs archivers in this and other processes, and reads the tables."""

import multiprocessing
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager

import pyarrow as pa
from kafka import KafkaProducer

from har import topics
from har.binary_samples import encode_batch
from har.labels import ENDLESS, Label, encode_label
from har.process.kafka_connection import KafkaConnection
from har.samples import SampleBatch
from ingest.archive import command
from ingest.archive.archiver import Archiver
from ingest.archive.location import Location
from ingest.archive.metrics import ArchiveMetrics
from ingest.archive.settings import ArchiveRunSettings, ArchiveSettings
from ingest.archive.table_kinds import KINDS, LABELS, SAMPLES
from ingest.archive.tables import ArchiveTable
from ingest.archive.verification import verify
from tests import brokers
from tests.batches import live_batches
from tests.waiting import wait_for

#: Noon of the day before the tests began: Kafka deletes messages that are much older, and no readings cross midnight.
BEGIN = (int(time.time()) // 86_400 * 2 - 1) * 43_200_000_000
#: Starts processes that have already imported the archiver.
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["pytest", "ingest.archive.command"])


class Archive:
    def __init__(self, bootstrap: str, path: str) -> None:
        self.bootstrap = bootstrap
        self.path = path
        self.sent = Counter()
        self._producer: KafkaProducer | None = None

    def send(self, batches, *, headers=(), partition: int | None = None) -> None:
        self._send(
            topics.SAMPLES.name,
            [(batch.device.encode(), encode_batch(batch), int(batch.times[-1]) // 1000) for batch in batches],
            headers,
            partition,
        )

    def send_labels(self, *labels: Label) -> None:
        messages = [(label.device.encode(), encode_label(label), label.said_at // 1000) for label in labels]
        self._send(topics.LABELS.name, messages)

    def send_raw(self, *messages: bytes | None, topic: str = topics.SAMPLES.name) -> None:
        self._send(topic, [(b"odd", message, None) for message in messages])

    @contextmanager
    def kept_producer(self):
        """Use one producer for all messages while the context is open, which is faster than one per call."""
        self._producer = KafkaProducer(bootstrap_servers=[self.bootstrap])
        try:
            yield
        finally:
            self._producer.close()
            self._producer = None

    def _send(self, topic, messages, headers=(), partition=None) -> None:
        producer = self._producer or KafkaProducer(bootstrap_servers=[self.bootstrap])
        for key, value, at in messages:
            producer.send(topic, key=key, value=value, partition=partition, timestamp_ms=at, headers=list(headers))
        producer.flush()
        if producer is not self._producer:
            producer.close()
        self.sent[topic] += len(messages)

    def settings(self, **changed) -> ArchiveRunSettings:
        usual = {"flush_seconds": 0.2, "metrics_port": 0}
        return ArchiveRunSettings(archive=self.path, bootstrap=self.bootstrap, **{**usual, **changed})

    @contextmanager
    def running(self, **changed):
        """Run an archiver in this process; yield its metrics."""
        stop, metrics = threading.Event(), ArchiveMetrics()
        archiver = Archiver(self.settings(**changed), metrics)
        status = []
        thread = threading.Thread(target=lambda: status.append(archiver.run(stop)))
        thread.start()
        try:
            yield metrics
        finally:
            stop.set()
            thread.join()
        assert status == [0]

    def collect(self, **changed) -> ArchiveMetrics:
        """Run an archiver until everything that was sent is covered; return its metrics."""
        with self.running(**changed) as metrics:
            self.wait_until_covered()
        return metrics

    def wait_until_covered(self, *, seconds: float = 30) -> None:
        wait_for(
            lambda: self.covered() >= self.sent,
            lambda: f"the tables to cover {dict(self.sent)}; they cover {dict(self.covered())}",
            seconds,
        )

    def covered(self) -> Counter:
        """Return how many messages of each topic the tables cover."""
        return Counter({kind.topic.name: self._covered(kind) for kind in KINDS})

    def _covered(self, kind) -> int:
        table = self.table(kind)
        return sum(table.offset(number) or 0 for number in range(brokers.PARTITIONS))

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "deploy", "archive", *words, "--archive", self.path]

    def start(self, *options: str, **how) -> subprocess.Popen:
        """Start an archiver as a separate process."""
        words = ["--bootstrap", self.bootstrap, "--metrics-port", "0", "--flush-seconds", "0.1", *options]
        return subprocess.Popen([*self.command("run"), *words], stderr=subprocess.PIPE, text=True, **how)

    @contextmanager
    def forked(self, **changed):
        """Run `har archive run` in a forked process, and kill it at the end."""
        settings = self.settings(**changed).model_dump()
        process = _forks.Process(target=_run, args=(settings,), daemon=True)
        process.start()
        try:
            yield process
        finally:
            process.kill()
            process.join()
            process.close()

    def table(self, kind=SAMPLES) -> ArchiveTable:
        return ArchiveTable(Location(self.path), kind)

    def rows(self, kind=SAMPLES) -> pa.Table:
        order = [(name, "ascending") for name in (*kind.order, "sequence" if kind is SAMPLES else "said_at")]
        return self.table(kind).delta.to_pyarrow_dataset().to_table().sort_by(order)

    def labels(self) -> pa.Table:
        return self.rows(LABELS)

    def check(self) -> tuple:
        """Compare with Kafka; return the comparisons of samples and labels."""
        comparisons = verify(self.path, KafkaConnection(self.bootstrap))
        assert all(found.is_right for found in comparisons), [found.differences for found in comparisons]
        return tuple(comparisons)


def _run(settings: dict[str, object]) -> None:
    command.run(ArchiveSettings(run=ArchiveRunSettings(**settings), verify=None, compact=None))


def noon_batches(count: int, **of: str) -> list[SampleBatch]:
    """Return consecutive one-second batches that end at `BEGIN`, all of one day."""
    return live_batches(count, end_us=BEGIN, **of)


def make_label(
    activity: str, start: float, end: float | None = None, *, device="phone-1", session="s1", begin=BEGIN, at=None
):
    """Return a label; its times are in s from `begin`."""
    return Label(
        device, session, begin + round(start * 1e6), ENDLESS if end is None else begin + round(end * 1e6), activity,
        begin + round((start if at is None else at) * 1e6),
    )  # fmt: skip
