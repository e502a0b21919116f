"""An archiver whose right to read is taken away while it runs."""

import threading
from concurrent.futures import ThreadPoolExecutor

from har import rights, topics
from har.process.kafka_clients import KafkaRefusedError
from ingest.archive.archiver import Archiver
from ingest.archive.metrics import ArchiveMetrics
from ingest.archive.settings import ArchiveRunSettings
from tests import brokers
from tests.waiting import wait_for

pytestmark = brokers.on_protected_kafka


def test_an_archiver_that_may_not_read_any_more_ends_and_names_the_right(protected_kafka, tmp_path):
    protected_kafka.empty()
    kafka = protected_kafka.user("archive")
    settings = ArchiveRunSettings(
        archive=str(tmp_path / "archive"),
        bootstrap=kafka.bootstrap,
        kafka_protocol=kafka.protocol,
        kafka_mechanism=kafka.mechanism,
        kafka_user=kafka.user,
        kafka_password=kafka.password,
        kafka_authority=kafka.authority,
        flush_seconds=0.2,
        metrics_port=0,
    )
    archiver, stop = Archiver(settings, ArchiveMetrics()), threading.Event()
    with ThreadPoolExecutor() as threads:
        running = threads.submit(archiver.run, stop)
        try:
            wait_for((tmp_path / "archive").exists, "the archive")
            protected_kafka.take("archive", rights.Right("READ", "TOPIC", topics.SAMPLES.name))
            error = running.exception(30)
        finally:
            stop.set()
    assert isinstance(error, KafkaRefusedError)
    assert f"the user har-archive lacks READ on topic {topics.SAMPLES.name}" in str(error)
