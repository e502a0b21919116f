"""An archive under test: what is sent to Kafka, archivers in this process and in others, and what the tables hold."""

import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager

import pyarrow as pa
import pytest
from kafka import KafkaProducer

from har import topics
from har.archive_settings import ArchiveRunSettings
from har.samples import encode_batch
from har.statements import Statement, encode_statement
from ingest.archive.archiver import Archiver
from ingest.archive.location import Location
from ingest.archive.measures import ArchiveMeasures
from ingest.archive.tables import KINDS, LABELS, SAMPLES, ArchiveTable
from ingest.archive.verification import verify
from tests import brokers

#: For what does not depend on the broker's kind.
on_the_embedded_broker = pytest.mark.parametrize("broker", [brokers.EMBEDDED], indirect=True)
#: Yesterday at noon: what is much older, Kafka deletes.
BEGIN = (int(time.time()) // 86_400 * 2 - 1) * 43_200_000_000


class Archive:
    def __init__(self, bootstrap: str, path: str) -> None:
        self.bootstrap = bootstrap
        self.path = path
        self.sent = Counter()

    def send(self, batches, *, headers=()) -> None:
        self._send(
            topics.SAMPLES.name,
            [(batch.device.encode(), encode_batch(batch), int(batch.times[-1]) // 1000) for batch in batches],
            headers,
        )

    def say(self, *said: Statement) -> None:
        self._send(topics.LABELS.name, [(s.device.encode(), encode_statement(s), s.said_at // 1000) for s in said])

    def send_raw(self, *messages: bytes | None, topic: str = topics.SAMPLES.name) -> None:
        self._send(topic, [(b"odd", message, None) for message in messages])

    def _send(self, topic, messages, headers=()) -> None:
        producer = KafkaProducer(bootstrap_servers=[self.bootstrap])
        for key, value, at in messages:
            producer.send(topic, key=key, value=value, timestamp_ms=at, headers=list(headers))
        producer.flush()
        producer.close()
        self.sent[topic] += len(messages)

    def settings(self, **changed) -> ArchiveRunSettings:
        usual = {"flush_seconds": 0.2, "metrics_port": 0}
        return ArchiveRunSettings(archive=self.path, bootstrap=self.bootstrap, **{**usual, **changed})

    @contextmanager
    def running(self, **changed):
        """An archiver in this process; it yields what it counts."""
        stop, measures = threading.Event(), ArchiveMeasures()
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

    def collect(self, **changed) -> ArchiveMeasures:
        """Run an archiver until everything that was sent is covered."""
        with self.running(**changed) as measures:
            self.wait_until_covered()
        return measures

    def wait_until_covered(self, *, seconds: float = 30) -> None:
        wait_for(lambda: self.covered() >= self.sent, seconds)

    def covered(self) -> Counter:
        return Counter(
            {
                kind.topic.name: sum(self.table(kind).offset(number) or 0 for number in range(brokers.PARTITIONS))
                for kind in KINDS
            }
        )

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "deploy", "archive", *words, "--archive", self.path]

    def start(self, *options: str, **how) -> subprocess.Popen:
        """An archiver as a process of its own."""
        words = ["--bootstrap", self.bootstrap, "--metrics-port", "0", "--flush-seconds", "0.1", *options]
        return subprocess.Popen([*self.command("run"), *words], stderr=subprocess.PIPE, text=True, **how)

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


def wait_for(is_so, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def said(
    activity: str, start: float, end: float | None = None, *, device="phone-1", session="s1", begin=BEGIN, at=None
):
    """A statement, in seconds from the begin."""
    until = {} if end is None else {"end": begin + round(end * 1e6)}
    from har.statements import ENDLESS

    return Statement(
        device, session, begin + round(start * 1e6), until.get("end", ENDLESS), activity,
        begin + round((start if at is None else at) * 1e6),
    )  # fmt: skip
