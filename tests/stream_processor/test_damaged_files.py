"""Reading on where Apache Kafka cannot read its own file, with aiokafka; `har`'s test has more cases."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.protocol.fetch import FetchRequest

from har.process import damaged_files
from stream_processor.damaged_files import read_damaged_files
from stream_processor.fetched_batches import pass_unreadable_batches
from tests import brokers
from tests.damaged_files import LENGTHS, MESSAGES, POSITIONS, SAMPLES, places, write, write_damaged
from tests.faults.damage import damage_length

#: The embedded broker has no files.
on_apache = pytest.mark.parametrize("broker", [brokers.APACHE], indirect=True)
pytestmark = pytest.mark.kafka


@pytest.fixture
def short_silence(monkeypatch):
    monkeypatch.setattr(damaged_files, "SILENCE_SECONDS", 1.0)


async def read(broker, position, partitions, end, change=lambda consumer: None):
    """Return what is found from a position on in each partition, up to an offset."""
    pass_unreadable_batches()
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap, fetch_max_wait_ms=50)
    change(consumer)
    read_damaged_files(consumer)
    await consumer.start()
    try:
        records = {TopicPartition(SAMPLES, partition): [] for partition in partitions}
        consumer.assign(list(records))
        for partition in records:
            consumer.seek(partition, position)
        async with asyncio.timeout(20):
            while any([await consumer.position(partition) < end for partition in records]):
                for partition, found in (await consumer.getmany(timeout_ms=100)).items():
                    records[partition] += found
        return [places(found) for found in records.values()]
    finally:
        await consumer.stop()


@on_apache
@pytest.mark.usefixtures("short_silence")
async def test_a_damaged_length_costs_nothing(broker):
    await asyncio.to_thread(write_damaged, broker)
    for position in POSITIONS:
        found = await read(broker, position, range(len(LENGTHS)), MESSAGES)
        assert found == [[*range(position, MESSAGES)]] * len(LENGTHS)


@on_apache
@pytest.mark.usefixtures("short_silence")
@pytest.mark.parametrize("length", LENGTHS[:3])
async def test_a_damaged_length_at_the_beginning_of_a_file_costs_what_kafka_cannot_find(broker, length):
    await asyncio.to_thread(write, broker)
    damage_length(broker.cluster, SAMPLES, 0, 0, length)
    [(lost, *read_on)] = await read(broker, 0, [0], MESSAGES)
    assert lost[0] == 0
    assert read_on == [*range(lost[1] + 1, MESSAGES)]


def answer_first_without_messages(consumer):
    """Let the first answer with messages leave them out, as if they had come between its content and its end."""
    send, is_changed = consumer._client.send, False

    async def send_and_change(node, request, **settings):
        nonlocal is_changed
        response = await send(node, request, **settings)
        if isinstance(request, FetchRequest) and not is_changed and any(part[-1] for _, [part] in response.topics):
            response.topics = [(topic, [(*part[:-1], b"")]) for topic, [part] in response.topics]
            is_changed = True
        return response

    consumer._client.send = send_and_change


@brokers.on_one_broker
async def test_a_broker_that_answers_nothing_without_waiting_is_asked_again(broker):
    await asyncio.to_thread(write, broker, 3)
    assert await read(broker, 0, [0], 3, answer_first_without_messages) == [[0, 1, 2]]
