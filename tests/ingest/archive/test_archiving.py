"""What Kafka holds is archived once: also over restarts, repeats, lost offsets and another topic."""

import signal
import socket
import urllib.request

import numpy as np
import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient

from deploy.ports import free_port
from deploy.topics import create_topics
from har import topics
from har.samples import in_order_batch
from ingest.archive.tables import LABELS
from tests import brokers
from tests.brokers import on_one_broker
from tests.ingest.archive.archived import noon_batches, said, wait_for


def counted(measures, name, **labels) -> float:
    return measures.registry.get_sample_value(f"har_archive_{name}_total", labels) or 0


def test_everything_in_kafka_is_archived_once_bit_by_bit(archive):
    batches = [batch for device in ("a", "b", "c") for batch in noon_batches(20, device=device)]
    archive.send(batches)
    archive.say(said("walk", 0), said("walk", 0, 5, at=5), said("sit", 7, 9, device="b"))
    measures = archive.collect()
    rows = archive.rows()
    for batch in batches:
        theirs = rows.filter(
            (np.array(rows["device"]) == batch.device) & (np.array(rows["sequence"]) == batch.sequence)
        )
        assert theirs["t"].to_pylist() == batch.times.tolist()
        for place, axis in enumerate("xyz"):
            assert theirs[axis].to_numpy().tobytes() == batch.axes[:, place].tobytes()
        assert set(theirs["arrived"].to_pylist()) == {int(batch.times[-1]) // 1000 * 1000}
    assert rows.num_rows == sum(map(len, batches)) == counted(measures, "readings")
    assert [(row["device"], row["activity"], row["end"] is None) for row in archive.labels().to_pylist()] == [
        ("b", "sit", False), ("phone-1", "walk", True), ("phone-1", "walk", False)]  # fmt: skip
    samples, labels = archive.check()
    assert (samples.compared, samples.rows, samples.behind) == (60, rows.num_rows, 0)
    assert (labels.compared, labels.messages) == (3, 3)


def test_repeats_are_left_out_within_a_commit_across_commits_and_over_restarts(archive):
    batches, label = noon_batches(10), said("walk", 0)
    archive.send([*batches, *batches[3:5]])
    archive.say(label, label)
    with archive.running():
        archive.wait_until_covered()
        archive.send(batches[:4])
        archive.say(label)
        archive.wait_until_covered()
    archive.send(batches[6:], headers=[("carried_from", b"6"), ("silent_seconds", b"30")])
    archive.say(label)
    measures = archive.collect()
    assert archive.rows().num_rows == 500
    assert archive.labels().num_rows == 1
    assert counted(measures, "left_out", topic=topics.SAMPLES.name) == 4
    samples, labels = archive.check()
    assert (samples.repeats, labels.repeats) == (10, 3)


@on_one_broker
def test_of_two_batches_with_the_same_number_the_first_in_the_log_counts(archive):
    first, second = noon_batches(1), noon_batches(1)
    second[0].axes[:] = 1
    archive.send([*first, *second])
    archive.collect()
    assert archive.rows()["x"].to_numpy().tobytes() == first[0].axes[:, 0].tobytes()
    archive.check()


@on_one_broker
def test_what_is_remembered_is_still_known_after_many_commits_of_which_old_ones_are_summed_up(archive, monkeypatch):
    for module in ("state", "tables"):
        monkeypatch.setattr(f"ingest.archive.{module}.CHECKPOINT_COMMITS", 3)
    batches = noon_batches(12)
    for batch in batches:
        archive.send([batch])
        archive.collect()
    assert list(archive.table().location.folder.glob("samples/_delta_log/*.checkpoint.parquet"))
    archive.send(batches)
    archive.collect()
    assert archive.rows().num_rows == 600
    archive.check()


@on_one_broker
def test_a_batch_over_midnight_lies_in_the_folders_of_both_days(archive):
    midnight = 1_790_035_200_000_000
    times = midnight + np.arange(-25, 25) * 20_000
    archive.send([in_order_batch("a", "s", 0, times, np.ones((50, 3), np.float32), earlier_until=0)])
    archive.collect()
    folders = {file.parent.name: file for file in archive.table().location.folder.glob("samples/day=*/*.parquet")}
    assert set(folders) == {"day=2026-09-21", "day=2026-09-22"}
    archive.check()


def test_a_message_that_is_none_is_rejected_with_its_reason_and_skipped(archive, broker):
    batches = noon_batches(2)
    archive.send(batches[:1])
    archive.send_raw(b"\x00nonsense", None)
    archive.send_raw(b"{}", topic=topics.LABELS.name)
    archive.send(batches[1:])
    measures = archive.collect()
    assert archive.rows().num_rows == 100
    rejected = broker.read(topics.REJECTED.name, 3)
    assert len(rejected) == 3
    said_of = {record.value: dict(record.headers) for record in rejected}
    assert said_of[b"\x00nonsense"]["code"] == b"malformed"
    assert said_of[b"\x00nonsense"]["rejected_by"] == b"archiver"
    assert said_of[b"\x00nonsense"]["origin"].startswith(b"accelerometer.samples/")
    assert said_of[b""]["code"] == b"empty"
    assert said_of[b"{}"]["origin"].startswith(b"activity.labels/")
    assert counted(measures, "rejected", code="malformed") == 2
    samples, labels = archive.check()
    assert (samples.rejected, labels.rejected) == (2, 1)


@pytest.mark.parametrize("broker", [brokers.APACHE], indirect=True)
def test_what_kafka_deleted_before_it_was_archived_is_told_and_counted(archive, caplog):
    batches = noon_batches(30)
    archive.send(batches[:10])
    archive.collect()
    archive.send(batches[10:])
    number = next(number for number in range(brokers.PARTITIONS) if archive.table().offset(number))
    admin = KafkaAdminClient(bootstrap_servers=[archive.bootstrap])
    admin.delete_records({TopicPartition(topics.SAMPLES.name, number): 25})
    admin.close()
    measures = archive.collect()
    assert counted(measures, "lost_messages") == 15
    assert "LOST: Kafka has deleted 15 messages" in caplog.text
    assert sorted(set(archive.rows()["sequence"].to_pylist())) == [*range(10), *range(25, 30)]
    samples, _ = archive.check()
    assert samples.compared == 5


def test_another_topic_of_the_same_name_is_read_from_its_beginning(archive, caplog):
    archive.send(noon_batches(30))
    archive.collect()
    brokers.forget_everything(archive.bootstrap)
    create_topics(archive.bootstrap, partitions=brokers.PARTITIONS, replication=1)
    archive.sent.clear()
    archive.send(noon_batches(35, session="s2"))  # further than the old one was read
    with archive.running():
        wait_for(lambda: archive.rows().num_rows == 65 * 50)
    assert "another of its name" in caplog.text
    with archive.running():
        archive.send(noon_batches(5, session="s3"))
        wait_for(lambda: archive.rows().num_rows == 70 * 50)


def page(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return answer.read().decode()


def shows(port: int, line: str) -> bool:
    try:
        return line in page(port)
    except OSError:  # it does not listen yet
        return False


@on_one_broker
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_is_told_to_end_commits_what_it_holds(archive, number):
    archive.send(noon_batches(5))
    with archive.start("--flush-seconds", "3600", "--metrics-port", str(port := free_port())) as process:
        wait_for(lambda: shows(port, "har_archive_held_readings 250.0"))
        assert not archive.rows().num_rows
        process.send_signal(number)
        process.communicate(timeout=30)
        assert process.returncode == 0
    assert archive.rows().num_rows == 250
    archive.check()


@on_one_broker
def test_so_many_readings_are_committed_however_soon(archive):
    archive.send(noon_batches(20))
    with archive.running(flush_seconds=3_600, flush_readings=100):
        wait_for(lambda: archive.rows().num_rows)


@on_one_broker
def test_the_page_shows_what_is_archived_and_how_far_it_is_behind(archive):
    archive.send(noon_batches(5))
    with archive.start("--metrics-port", str(port := free_port())) as process:
        wait_for(lambda: shows(port, "har_archive_readings_total 250.0"))
        wait_for(lambda: 'har_archive_lag_messages{partition="0",topic="accelerometer.samples"} 0.0' in page(port))
        assert "har_archive_failing 0.0" in page(port)
        assert "har_archive_seconds_since_commit " in page(port)
        with pytest.raises(OSError, match="rejected"), socket.create_connection(("127.0.0.2", port), 1):
            pass
        process.terminate()
        process.communicate(timeout=30)


@on_one_broker
def test_a_label_without_an_end_keeps_none(archive):
    label = said("walk", 0)
    archive.say(label)
    archive.collect()
    (row,) = archive.labels().to_pylist()
    assert (row["end"], row["user"], row["said_at"]) == (None, None, label.said_at)
    assert archive.rows(LABELS).schema.field("end").nullable
