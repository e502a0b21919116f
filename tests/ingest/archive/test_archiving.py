"""Every message in Kafka is archived once, also after restarts, repeats, lost offsets and a replaced topic."""

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
from har.process.kafka_connection import KafkaConnection
from har.samples import in_order_batch
from ingest.archive.log_reader import LogError
from ingest.archive.table_kinds import LABELS
from tests import brokers
from tests.brokers import on_one_broker
from tests.ingest.archive.archived import make_label, noon_batches
from tests.unreadable_batches import send_unreadable
from tests.waiting import wait_for


def counted(metrics, name, **labels) -> float:
    return metrics.registry.get_sample_value(f"har_archive_{name}_total", labels) or 0


def test_everything_in_kafka_is_archived_once_bit_by_bit(archive):
    batches = [batch for device in ("a", "b", "c") for batch in noon_batches(20, device=device)]
    archive.send(batches)
    archive.send_labels(make_label("walk", 0), make_label("walk", 0, 5, at=5), make_label("sit", 7, 9, device="b"))
    metrics = archive.collect()
    rows = archive.rows()
    for batch in batches:
        batch_rows = rows.filter(
            (np.array(rows["device"]) == batch.device) & (np.array(rows["sequence"]) == batch.sequence)
        )
        assert batch_rows["t"].to_pylist() == batch.times.tolist()
        for place, axis in enumerate("xyz"):
            assert batch_rows[axis].to_numpy().tobytes() == batch.axes[:, place].tobytes()
        assert set(batch_rows["arrived"].to_pylist()) == {int(batch.times[-1]) // 1000 * 1000}
    assert rows.num_rows == sum(map(len, batches)) == counted(metrics, "readings")
    assert [(row["device"], row["activity"], row["end"] is None) for row in archive.labels().to_pylist()] == [
        ("b", "sit", False), ("phone-1", "walk", True), ("phone-1", "walk", False)]  # fmt: skip
    samples, labels = archive.check()
    assert (samples.compared, samples.rows, samples.behind) == (60, rows.num_rows, 0)
    assert (labels.compared, labels.messages) == (3, 3)


def test_repeats_are_left_out_within_a_commit_across_commits_and_over_restarts(archive):
    batches, label = noon_batches(10), make_label("walk", 0)
    archive.send([*batches, *batches[3:5]])
    archive.send_labels(label, label)
    with archive.running():
        archive.wait_until_covered()
        archive.send(batches[:4])
        archive.send_labels(label)
        archive.wait_until_covered()
    archive.send(batches[6:], headers=[("carried_from", b"6"), ("silent_seconds", b"30")])
    archive.send_labels(label)
    metrics = archive.collect()
    assert archive.rows().num_rows == 500
    assert archive.labels().num_rows == 1
    assert counted(metrics, "left_out", topic=topics.SAMPLES.name) == 4
    samples, labels = archive.check()
    assert (samples.repeats, labels.repeats) == (10, 3)


@on_one_broker
def test_the_first_of_two_batches_with_the_same_sequence_number_is_archived(archive):
    first, second = noon_batches(1), noon_batches(1)
    second[0].axes[:] = 1
    archive.send([*first, *second])
    archive.collect()
    assert archive.rows()["x"].to_numpy().tobytes() == first[0].axes[:, 0].tobytes()
    archive.check()


@pytest.mark.slow
@on_one_broker
def test_repeats_are_still_recognised_after_a_checkpoint_of_the_log(archive, monkeypatch):
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
def test_a_batch_across_midnight_is_in_the_folders_of_both_days(archive):
    midnight = 1_790_035_200_000_000
    times = midnight + np.arange(-25, 25) * 20_000
    archive.send([in_order_batch("a", "s", 0, times, np.ones((50, 3), np.float32), earlier_until=0)])
    archive.collect()
    folders = {file.parent.name: file for file in archive.table().location.folder.glob("samples/day=*/*.parquet")}
    assert set(folders) == {"day=2026-09-21", "day=2026-09-22"}
    archive.check()


def test_a_message_that_cannot_be_decoded_is_dead_lettered_with_its_reason(archive, broker):
    batches = noon_batches(2)
    archive.send(batches[:1])
    archive.send_raw(b"\x00nonsense", None)
    archive.send_raw(b"{}", topic=topics.LABELS.name)
    archive.send(batches[1:])
    metrics = archive.collect()
    assert archive.rows().num_rows == 100
    rejected = broker.read(topics.REJECTED.name, 3)
    assert len(rejected) == 3
    headers_of = {record.value: dict(record.headers) for record in rejected}
    assert headers_of[b"\x00nonsense"]["code"] == b"malformed"
    assert headers_of[b"\x00nonsense"]["rejected_by"] == b"archiver"
    assert headers_of[b"\x00nonsense"]["origin"].startswith(b"accelerometer.samples/")
    assert headers_of[b""]["code"] == b"empty"
    assert headers_of[b"{}"]["origin"].startswith(b"activity.labels/")
    assert counted(metrics, "rejected", code="malformed") == 2
    samples, labels = archive.check()
    assert (samples.rejected, labels.rejected) == (2, 1)


@on_one_broker
def test_a_batch_of_kafka_that_cannot_be_read_is_dead_lettered_and_the_rest_is_archived(archive, broker):
    batches = noon_batches(2)
    archive.send(batches[:1])
    send_unreadable(archive.bootstrap, topics.SAMPLES.name, 3)
    archive.sent[topics.SAMPLES.name] += 3
    archive.send(batches[1:])
    metrics = archive.collect()
    assert archive.rows().num_rows == 100
    assert counted(metrics, "rejected", code="unreadable") == 3
    (rejected,) = broker.read(topics.REJECTED.name, 1)
    headers = dict(rejected.headers)
    assert (headers["rejected_by"], headers["offsets"]) == (b"archiver", b"3")
    assert headers["origin"].startswith(b"accelerometer.samples/0/")
    samples, _ = archive.check()
    assert samples.rejected == 3


@pytest.mark.parametrize("broker", [brokers.APACHE], indirect=True)
def test_messages_that_kafka_deleted_before_they_were_archived_are_logged_and_counted(archive, caplog):
    batches = noon_batches(30)
    archive.send(batches[:10])
    archive.collect()
    archive.send(batches[10:])
    number = next(number for number in range(brokers.PARTITIONS) if archive.table().offset(number))
    admin = KafkaAdminClient(bootstrap_servers=[archive.bootstrap])
    admin.delete_records({TopicPartition(topics.SAMPLES.name, number): 25})
    admin.close()
    metrics = archive.collect()
    assert counted(metrics, "lost_messages") == 15
    assert "LOST: Kafka has deleted 15 messages" in caplog.text
    assert sorted(set(archive.rows()["sequence"].to_pylist())) == [*range(10), *range(25, 30)]
    samples, _ = archive.check()
    assert samples.compared == 5


def test_another_topic_of_the_same_name_is_read_from_its_beginning(archive, caplog):
    archive.send(noon_batches(30))
    archive.collect()
    brokers.delete_everything(KafkaConnection(archive.bootstrap))
    create_topics(KafkaConnection(archive.bootstrap), partitions=brokers.PARTITIONS, replication=1)
    archive.sent.clear()
    archive.send(noon_batches(35, session="s2"))  # beyond the offset that was read of the old topic
    with archive.running():
        wait_for(lambda: archive.rows().num_rows == 65 * 50, "the readings of both topics")
    assert "another topic of the same name" in caplog.text
    with archive.running():
        archive.send(noon_batches(5, session="s3"))
        wait_for(lambda: archive.rows().num_rows == 70 * 50, "the last readings")


def test_a_topic_that_is_created_anew_while_the_archiver_runs_is_read_from_its_beginning(archive):
    with archive.running():
        archive.send(noon_batches(30))
        wait_for(lambda: archive.rows().num_rows == 30 * 50, "the readings of the first topic")
        brokers.delete_everything(KafkaConnection(archive.bootstrap))
        create_topics(KafkaConnection(archive.bootstrap), partitions=brokers.PARTITIONS, replication=1)
        archive.send(noon_batches(35, session="s2"))  # so soon that the old offset is one of the new topic, too
        wait_for(lambda: archive.rows().num_rows == 65 * 50, "the readings of both topics", 60)
        # Their rows may be committed before the archiver knows that the topic is another one.
        wait_for(lambda: is_of_the_current_topic(archive), "the archiver to know the second topic", 60, every=1)
    archive.check()


def is_of_the_current_topic(archive) -> bool:
    try:
        archive.check()
    except LogError:
        return False
    return True


@pytest.mark.parametrize("broker", [brokers.APACHE], indirect=True)  # the embedded broker adds no partitions
def test_a_new_partition_is_read_within_seconds(archive):
    with archive.running(flush_seconds=5):
        admin = KafkaAdminClient(bootstrap_servers=[archive.bootstrap])
        admin.create_partitions({topics.SAMPLES.name: brokers.PARTITIONS + 1})
        admin.close()
        archive.send(noon_batches(5), partition=brokers.PARTITIONS)
        wait_for(lambda: archive.rows().num_rows == 5 * 50, "the readings of the new partition", 60)


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
def test_a_process_that_gets_a_signal_commits_the_held_rows(archive, number):
    archive.send(noon_batches(5))
    with archive.start("--flush-seconds", "3600", "--metrics-port", str(port := free_port())) as process:
        wait_for(lambda: shows(port, "har_archive_held_readings 250.0"), "the archiver to hold all readings")
        assert not archive.rows().num_rows
        process.send_signal(number)
        process.communicate(timeout=30)
        assert process.returncode == 0
    assert archive.rows().num_rows == 250
    archive.check()


@on_one_broker
def test_readings_are_committed_early_when_many_are_held(archive):
    archive.send(noon_batches(20))
    with archive.running(flush_seconds=3_600, flush_readings=100):
        wait_for(lambda: archive.rows().num_rows, "a first commit")


@pytest.mark.slow
@on_one_broker
def test_the_metrics_page_shows_committed_readings_and_lag(archive):
    archive.send(noon_batches(5))
    with archive.start("--metrics-port", str(port := free_port())) as process:
        wait_for(lambda: shows(port, "har_archive_readings_total 250.0"), "all readings to be counted")
        no_lag = 'har_archive_lag_messages{partition="0",topic="accelerometer.samples"} 0.0'
        wait_for(lambda: no_lag in page(port), "the lag to be 0")
        assert "har_archive_failing 0.0" in page(port)
        assert "har_archive_seconds_since_commit " in page(port)
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.2", port), 1):
            pass
        process.terminate()
        process.communicate(timeout=30)


@on_one_broker
def test_a_label_without_an_end_is_archived_without_one(archive):
    label = make_label("walk", 0)
    archive.send_labels(label)
    archive.collect()
    (row,) = archive.labels().to_pylist()
    assert (row["end"], row["user"], row["said_at"]) == (None, None, label.said_at)
    assert archive.rows(LABELS).schema.field("end").nullable
