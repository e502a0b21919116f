"""An archive in object storage has the same guarantees as one in a folder."""

import logging
import signal
import subprocess
import sys
import urllib.request

import pytest
import s3fs

from deploy import standstill
from deploy.ports import free_port
from ingest.archive.forgetting import forget
from tests.brokers import on_one_broker
from tests.ingest.archive.archived import Archive, make_label, noon_batches
from tests.waiting import wait_for

pytestmark = [on_one_broker, pytest.mark.slow]


class Storage:
    """An S3 server in a separate process that can be paused."""

    def __init__(self) -> None:
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        words = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        self._process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self._answers, "the S3 server to answer")

    def pause(self) -> None:
        standstill.freeze(self._process)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/moto-api/").close()
        except OSError:
            return False
        return True


@pytest.fixture(scope="session")
def running_storage():
    storage = Storage()
    urllib.request.urlopen(urllib.request.Request(f"{storage.url}/recordings", method="PUT")).close()
    try:
        yield storage
    finally:
        storage.end()


@pytest.fixture
def storage(running_storage, monkeypatch):
    for name, value in {
        "AWS_ENDPOINT_URL": running_storage.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    try:
        yield running_storage
    finally:
        running_storage.resume()


@pytest.fixture
def archive(storage, broker, tmp_path):
    """An archive under a prefix of its own."""
    return Archive(broker.bootstrap, f"s3://recordings/{tmp_path.name}/archive")


def test_everything_is_archived_once_also_after_restarts(archive):
    batches = noon_batches(10)
    archive.send(batches[:6])
    archive.send_labels(make_label("walk", 0))
    archive.collect()
    archive.send(batches)
    archive.send_labels(make_label("walk", 0), make_label("sit", 3))
    archive.collect()
    samples, labels = archive.check()
    assert (samples.compared, samples.repeats, labels.compared, labels.repeats) == (10, 6, 2, 1)
    run = subprocess.run(archive.command("compact"), capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert archive.rows().num_rows == 500
    assert len(archive.table().delta.file_uris()) == 1
    archive.check()


def committed(metrics) -> float:
    return metrics.registry.get_sample_value("har_archive_readings_total")


def test_two_archivers_at_once_duplicate_nothing(archive, caplog):
    caplog.set_level(logging.INFO, "ingest.archive")
    batches = noon_batches(300)

    def one_was_faster() -> bool:
        return any("uncommitted messages again" in record.message for record in caplog.records)

    sent = 0
    with archive.running(flush_seconds=0.3) as one, archive.running(flush_seconds=0.4) as other:
        while sent < 300 and (sent < 50 or not one_was_faster()):
            archive.send(batches[sent : sent + 10])
            sent += 10
            wait_for(lambda sent=sent: committed(one) + committed(other) == 50 * sent, "everything to be committed", 60)
    assert one_was_faster()
    archive.collect()
    samples, _ = archive.check()
    assert samples.compared == sent


def test_a_device_can_be_forgotten(archive, storage):
    archive.send([*noon_batches(5, device="keep-me"), *noon_batches(5, device="forget-me")])
    archive.collect()
    assert forget(archive.path, "forget-me").readings == 250
    archive.send(noon_batches(5, device="forget-me"))
    archive.collect()
    assert set(archive.rows()["device"].to_pylist()) == {"keep-me"}
    archive.check()
    # Storage holds only files of the table, and none contains the device's name.
    stored = s3fs.S3FileSystem(endpoint_url=storage.url, key="test", secret="test")
    names = stored.find(archive.path)
    assert [name for name in names if "/samples/day=" in name] == [
        file.removeprefix("s3://") for file in archive.table().delta.file_uris()
    ]
    assert not any(b"forget-me" in stored.cat_file(name) for name in names)


def test_an_outage_of_storage_loses_nothing_and_the_log_explains_what_to_do(archive, storage, caplog, monkeypatch):
    shorter = {"max_retries": "1", "retry_timeout": "2s", "timeout": "2s"}
    monkeypatch.setattr("ingest.archive.location._RETRIES", shorter)
    archive.send(noon_batches(5))
    archive.collect()
    with archive.running() as metrics:
        storage.pause()
        archive.send(noon_batches(5, session="s2"))
        wait_for(lambda: metrics.registry.get_sample_value("har_archive_failing") == 1, "a failing archiver", 120)
        assert "the object storage does not answer" in caplog.text
        storage.resume()
        wait_for(lambda: metrics.registry.get_sample_value("har_archive_failing") == 0, "the archiver to recover", 120)
        archive.wait_until_covered()
    assert archive.rows().num_rows == 500
    archive.check()


def test_unreachable_storage_at_the_start_is_reported(archive, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")  # nothing listens on this port
    with archive.start() as process:
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "har archive: the object storage does not answer" in errors
