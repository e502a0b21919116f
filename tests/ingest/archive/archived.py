"""An archive under test: what is sent to Kafka, archivers in this process and in others, and what the tables hold."""

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
from har.labels import ENDLESS, Label, encode_label
from har.samples import SampleBatch, encode_batch
from ingest.archive import command
from ingest.archive.archiver import Archiver
from ingest.archive.location import Location
from ingest.archive.metrics import ArchiveMetrics
from ingest.archive.settings import ArchiveRunSettings, ArchiveSettings
from ingest.archive.tables import KINDS, LABELS, SAMPLES, ArchiveTable
from ingest.archive.verification import verify
from tests import brokers
from tests.batches import live_batches

#: Noon of the day before the tests began: what is much older, Kafka deletes, and no test's readings meet midnight.
BEGIN = (int(time.time()) // 86_400 * 2 - 1) * 43_200_000_000
#: Starts processes that have imported the archiver before they begin.
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["pytest", "ingest.archive.command"])


class Archive:
    def __init__(self, bootstrap: str, path: str) -> None:
        self.bootstrap = bootstrap
        self.path = path
        self.sent = Counter()
        self._producer: KafkaProducer | None = None

    def send(self, batches, *, headers=()) -> None:
        self._send(
            topics.SAMPLES.name,
            [(batch.device.encode(), encode_batch(batch), int(batch.times[-1]) // 1000) for batch in batches],
            headers,
        )

    def say(self, *said: Label) -> None:
        self._send(topics.LABELS.name, [(s.device.encode(), encode_label(s), s.said_at // 1000) for s in said])

    def send_raw(self, *messages: bytes | None, topic: str = topics.SAMPLES.name) -> None:
        self._send(topic, [(b"odd", message, None) for message in messages])

    @contextmanager
    def kept_producer(self):
        """Send by one and the same producer meanwhile, which costs less than one each time."""
        self._producer = KafkaProducer(bootstrap_servers=[self.bootstrap])
        try:
            yield
        finally:
            self._producer.close()
            self._producer = None

    def _send(self, topic, messages, headers=()) -> None:
        producer = self._producer or KafkaProducer(bootstrap_servers=[self.bootstrap])
        for key, value, at in messages:
            producer.send(topic, key=key, value=value, timestamp_ms=at, headers=list(headers))
        producer.flush()
        if producer is not self._producer:
            producer.close()
        self.sent[topic] += len(messages)

    def settings(self, **changed) -> ArchiveRunSettings:
        usual = {"flush_seconds": 0.2, "metrics_port": 0}
        return ArchiveRunSettings(archive=self.path, bootstrap=self.bootstrap, **{**usual, **changed})

    @contextmanager
    def running(self, **changed):
        """An archiver in this process; it yields what it counts."""
        stop, measures = threading.Event(), ArchiveMetrics()
        archiver = Archiver(self.settings(**changed), measures)
        status = []
        thread = threading.Thread(target=lambda: status.append(archiver.run(stop)))
        thread.start()
        try:
            yield measures
        finally:
            stop.set()
            thread.join()
        assert status == [0]

    def collect(self, **changed) -> ArchiveMetrics:
        """Run an archiver until everything that was sent is covered."""
        with self.running(**changed) as measures:
            self.wait_until_covered()
        return measures

    def wait_until_covered(self, *, seconds: float = 30) -> None:
        wait_for(lambda: self.covered() >= self.sent, seconds)

    def covered(self) -> Counter:
        """How many messages of each topic are in the tables."""
        return Counter({kind.topic.name: self._covered(kind) for kind in KINDS})

    def _covered(self, kind) -> int:
        table = self.table(kind)
        return sum(table.offset(number) or 0 for number in range(brokers.PARTITIONS))

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "deploy", "archive", *words, "--archive", self.path]

    def start(self, *options: str, **how) -> subprocess.Popen:
        """An archiver as a process of its own."""
        words = ["--bootstrap", self.bootstrap, "--metrics-port", "0", "--flush-seconds", "0.1", *options]
        return subprocess.Popen([*self.command("run"), *words], stderr=subprocess.PIPE, text=True, **how)

    @contextmanager
    def forked(self, **changed):
        """`har archive run` in a process that need not import it; it is killed in the end, whatever it is doing."""
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
        """Compare with Kafka; return what was found of samples and labels."""
        found = verify(self.path, self.bootstrap)
        assert all(each.is_right for each in found), [each.differences for each in found]
        return tuple(found)


def _run(settings: dict[str, object]) -> None:
    command.run(ArchiveSettings(run=ArchiveRunSettings(**settings), verify=None, compact=None))


def noon_batches(count: int, **of: str) -> list[SampleBatch]:
    """Consecutive one-second batches that end at `BEGIN`: all of one day."""
    return live_batches(count, end_us=BEGIN, **of)


def wait_for(is_so, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def said(
    activity: str, start: float, end: float | None = None, *, device="phone-1", session="s1", begin=BEGIN, at=None
):
    """A label, in seconds from the begin."""
    return Label(
        device, session, begin + round(start * 1e6), ENDLESS if end is None else begin + round(end * 1e6), activity,
        begin + round((start if at is None else at) * 1e6),
    )  # fmt: skip
