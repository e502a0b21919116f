"""An archiver whose right to read, or whose user, is taken away while it runs."""

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


def error_of_archiver(protected_kafka, archive, harm):
    """Return why an archiver ends after a harm."""
    protected_kafka.empty()
    kafka = protected_kafka.user("archive")
    settings = ArchiveRunSettings(
        archive=str(archive),
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
            wait_for(archive.exists, "the archive")
            harm()
            return running.exception(60)
        finally:
            stop.set()


def test_an_archiver_that_may_not_read_any_more_ends_and_names_the_right(protected_kafka, tmp_path):
    right = rights.Right("READ", "TOPIC", topics.SAMPLES.name)
    error = error_of_archiver(protected_kafka, tmp_path / "archive", lambda: protected_kafka.take("archive", right))
    assert isinstance(error, KafkaRefusedError)
    assert f"the user har-archive lacks READ on topic {topics.SAMPLES.name}" in str(error)


def test_an_archiver_whose_user_was_removed_ends_and_says_so(protected_kafka, tmp_path):
    def remove():
        protected_kafka.remove_user("archive")
        protected_kafka.cluster.restart(1)  # connections outlive their user

    try:
        error = error_of_archiver(protected_kafka, tmp_path / "archive", remove)
    finally:
        protected_kafka.create_users()
    assert isinstance(error, KafkaRefusedError)
    assert "does not accept the user har-archive by SCRAM-SHA-512: " in str(error)
