"""Reading on where Apache Kafka cannot read its own file, with kafka-python; aiokafka's test is the processor's."""

import time

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.record import MemoryRecords, MemoryRecordsBuilder

from har.process import damaged_files
from har.process.batch_headers import header_at
from har.process.damaged_files import ORDINARY_BYTES, SILENCE_SECONDS, Answer, Silence, read_on
from har.process.kafka_clients import open_reader
from tests import brokers
from tests.damaged_files import (
    LENGTHS,
    MESSAGES,
    POSITIONS,
    SAMPLES,
    let_files_be_small,
    places,
    write,
    write_damaged,
)
from tests.faults.damage import damage_length
from tests.waiting import wait_for

#: The embedded broker has no files.
on_apache = pytest.mark.parametrize("broker", [brokers.APACHE], indirect=True)
pytestmark = pytest.mark.kafka


@pytest.fixture
def short_silence(monkeypatch):
    monkeypatch.setattr(damaged_files, "SILENCE_SECONDS", 1.0)


class Reader:
    """Reads partitions of the topic of readings from given positions."""

    def __init__(self, broker):
        self.consumer = open_reader(KafkaConsumer, broker.kafka, fetch_wait_ms=50, max_records=500, reset="none")
        self.records = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.consumer.close()

    def read(self, positions, end):
        """Return what is found from a position on in each partition, up to an offset."""
        partitions = {TopicPartition(SAMPLES, partition): position for partition, position in positions.items()}
        self.consumer.assign(list(partitions))
        for partition, position in partitions.items():
            self.consumer.seek(partition, position)
        records = {partition: [] for partition in partitions}

        def is_read():
            for partition, polled in self.consumer.poll(timeout_ms=100).items():
                records[partition] += polled
            return all(self.consumer.position(partition) >= end for partition in partitions)

        wait_for(is_read, lambda: f"the end; positions {list(map(self.consumer.position, partitions))}", 20, every=0)
        return [places(found) for found in records.values()]


@on_apache
@pytest.mark.usefixtures("short_silence")
def test_a_damaged_length_costs_nothing(broker):
    write_damaged(broker)
    with Reader(broker) as reader:
        for position in POSITIONS:
            found = reader.read(dict.fromkeys(range(len(LENGTHS)), position), MESSAGES)
            assert found == [[*range(position, MESSAGES)]] * len(LENGTHS)


@on_apache
@pytest.mark.usefixtures("short_silence")
@pytest.mark.parametrize("length", LENGTHS[:3])
def test_a_damaged_length_at_the_beginning_of_a_file_costs_what_kafka_cannot_find(broker, length):
    write(broker)
    damage_length(broker.cluster, SAMPLES, 0, 0, length)
    with Reader(broker) as reader:
        [found] = reader.read({0: 0}, 12)
    (first, last), *read_on = found
    assert first == 0
    assert 0 <= last <= 5  # the index has an entry for every 4 KiB
    assert read_on == [*range(last + 1, 12)]


@on_apache
@pytest.mark.usefixtures("short_silence")
@pytest.mark.parametrize("length", LENGTHS[:3])
def test_a_reader_at_the_end_passes_a_damaged_file_and_reads_what_comes(broker, length):
    write(broker, 2)
    damage_length(broker.cluster, SAMPLES, 0, 0, length)
    with Reader(broker) as reader:
        assert reader.read({0: 0}, 2) == [[(0, 1)]]
        write(broker, 10)
        [(first, *read_on)] = reader.read({0: 2}, 12)
    assert first[0] == 2
    assert read_on == [*range(first[1] + 1, 12)]


@on_apache
@pytest.mark.usefixtures("short_silence")
@pytest.mark.parametrize("length", LENGTHS)
def test_a_damaged_length_before_another_file_costs_nothing(broker, length):
    let_files_be_small(broker)
    write(broker)
    write(broker, 3, size=600_000)
    damage_length(broker.cluster, SAMPLES, 0, 5, length)
    with Reader(broker) as reader:
        assert reader.read({0: 5}, 15) == [[*range(5, 15)]]


@brokers.on_one_broker
def test_a_broker_that_answers_nothing_without_waiting_is_asked_again(broker):
    write(broker, 3)
    with Reader(broker) as reader:
        parse, is_changed = reader.consumer._fetcher._parse_fetched_data, False

        def parse_changed(completed):  # as if the messages had come between the first answer's content and its end
            nonlocal is_changed
            if completed.partition_data.records and not is_changed:
                completed.partition_data.records, is_changed = b"", True
            return parse(completed)

        reader.consumer._fetcher._parse_fetched_data = parse_changed
        assert reader.read({0: 0}, 3) == [[0, 1, 2]]
        assert is_changed


@brokers.on_one_broker
def test_a_broker_that_goes_away_during_another_fetch_is_asked_again(broker):
    write(broker, 3)
    with Reader(broker) as reader:
        fetcher, is_changed = reader.consumer._fetcher, False
        parse, manager = fetcher._parse_fetched_data, fetcher._manager

        def parse_changed(completed):
            nonlocal is_changed
            if completed.partition_data.records and not is_changed:
                completed.partition_data.records, is_changed = b"", True
                leader = manager.cluster.leader_for_partition(completed.topic_partition)
                manager._backoff[leader] = (1, time.monotonic() + 0.3, 1_000)  # as after a lost connection
            return parse(completed)

        fetcher._parse_fetched_data = parse_changed
        assert reader.read({0: 0}, 3) == [[0, 1, 2]]
        assert is_changed


def batch(offset):
    """Return a batch of one message."""
    builder = MemoryRecordsBuilder(magic=2, compression_type=0, batch_size=1_000)
    builder.append(timestamp=0, key=None, value=b"readings", headers=[])
    builder.close()
    return offset.to_bytes(8, "big") + bytes(builder.buffer())[8:]


def batches(begin, end):
    return b"".join(map(batch, range(begin, end)))


def decode(content):
    return MemoryRecords(content).next_batch()


async def test_a_broker_that_answers_nothing_for_a_while_costs_nothing():
    """As one with remote storage that is slow, or over its quota."""
    now, asked, is_slow = 0.0, [], True
    silence = Silence(lambda: now)

    async def fetch(offset, most):
        asked.append(most)
        return Answer(0, 100, b"" if is_slow and offset < 50 else batches(offset, 60))

    async def read():
        return await read_on(
            fetch, 40, decode, is_compacted=False, is_silent=lambda: silence.has_lasted("samples/0", 40)
        )

    assert await read() == b""
    now = SILENCE_SECONDS - 0.1
    assert await read() == b""
    is_slow = False
    assert await read() == batches(40, 60)
    assert asked == [ORDINARY_BYTES] * 3
    is_slow, now = True, SILENCE_SECONDS
    lost = memoryview(await read())
    assert header_at(lost, 0).base == 40
    assert header_at(lost, 61).base == 50


def test_silences_at_long_intervals_are_not_one():
    now = 0.0
    silence = Silence(lambda: now)
    assert not silence.has_lasted("samples/0", 40)
    now = 2 * SILENCE_SECONDS
    assert not silence.has_lasted("samples/0", 40)
    now = 3 * SILENCE_SECONDS
    assert silence.has_lasted("samples/0", 40)
    assert not silence.has_lasted("samples/0", 41)
    assert not silence.has_lasted("samples/1", 40)


async def test_a_fetch_from_too_long_before_the_damage_is_followed_by_a_nearer_one():
    async def fetch(offset, most):
        if 7 < offset <= 12:
            return Answer(2, -1, b"")
        return Answer(0, 20, batches(offset, 20 if offset >= 7 else 9))  # more than that is over the limit

    read = await read_on(fetch, 10, decode, is_compacted=False, is_silent=lambda: True)
    assert read == batches(10, 20)
