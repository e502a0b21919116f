"""A consumer group's offsets after the log has changed, on Apache Kafka."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition
from aiokafka.errors import NodeNotReadyError
from aiokafka.producer import AIOKafkaProducer

from deploy.topics import create_topics
from har import topics
from stream_processor import log_changes
from stream_processor.done_ahead import DoneAhead
from stream_processor.log_changes import LogWatch
from stream_processor.reading_start import Start
from tests import brokers
from tests.waiting import until

#: The embedded broker keeps no metadata of commits, deletes no messages, and does not tell that an offset is too high.
pytestmark = [pytest.mark.kafka, pytest.mark.parametrize("broker", [brokers.APACHE], indirect=True)]

SAMPLES = topics.SAMPLES.name
PARTITION = TopicPartition(SAMPLES, 0)


async def send(broker, count):
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
    await producer.start()
    for number in range(count):
        await producer.send_and_wait(SAMPLES, b"%d" % number, partition=0)
    await producer.stop()


async def administer(broker, act):
    await asyncio.to_thread(brokers.administer, broker.kafka, act)


async def create_anew(broker):
    await administer(broker, lambda admin: admin.delete_topics([SAMPLES]))
    await asyncio.to_thread(create_topics, broker.kafka, partitions=4, replication=1)


class Member:
    """A member of the group, which counts its assignments and lost messages."""

    def __init__(self, consumer):
        self.consumer = consumer
        self.lost = 0
        self.watch = LogWatch(consumer, self._lose)

    def _lose(self, messages):
        self.lost += messages

    @property
    def generation(self):
        return self.consumer._coordinator.generation

    async def position(self):
        return await self.consumer.position(PARTITION)


@asynccontextmanager
async def joined(broker):
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker.bootstrap, group_id="group", enable_auto_commit=False, auto_offset_reset="earliest",
        metadata_max_age_ms=500, session_timeout_ms=6_000, heartbeat_interval_ms=500, fetch_max_wait_ms=50,
    )  # fmt: skip
    member = Member(consumer)
    consumer.subscribe([SAMPLES])
    await consumer.start()
    try:
        await until(lambda: PARTITION in consumer.assignment(), "an assignment", 30)
        yield member
    finally:
        await consumer.stop()


async def test_offsets_are_committed_and_found_again(broker):
    await send(broker, 5)
    async with joined(broker) as member:
        assert (await member.watch.seek_to_committed())[PARTITION] is None
        await member.watch.commits.commit({PARTITION: 3})
    async with joined(broker) as member:
        assert (await member.watch.seek_to_committed())[PARTITION] == 3
        assert await member.position() == 3
        await member.watch.look()
        assert member.lost == 0


async def test_a_broker_that_does_not_answer_at_once_is_asked_again(broker, monkeypatch):
    await send(broker, 5)
    ask, failures = log_changes.topic_identities, [NodeNotReadyError("down")]

    async def ask_later(*arguments):
        if failures:
            raise failures.pop()
        return await ask(*arguments)

    async with joined(broker) as member:
        await member.watch.seek_to_committed()
        await member.watch.commits.commit({PARTITION: 3})
        monkeypatch.setattr(log_changes, "topic_identities", ask_later)
        assert (await member.watch.seek_to_committed())[PARTITION] == 3


async def test_a_topic_that_is_deleted_during_an_assignment_does_not_hold_the_worker_up(broker, monkeypatch):
    monkeypatch.setattr(log_changes, "ANSWER_SECONDS", 2.0)
    await send(broker, 5)
    async with joined(broker) as member:
        await administer(broker, lambda admin: admin.delete_topics([SAMPLES]))
        async with asyncio.timeout(20):
            assert await member.watch.seek_to_committed() == {}


async def test_an_offset_of_a_deleted_topic_is_not_used_although_the_new_topic_has_it(broker):
    await send(broker, 5)
    async with joined(broker) as member:
        await member.watch.seek_to_committed()
        await create_anew(broker)
        await send(broker, 9)
        # A worker that does not know yet commits what it has read of the old topic.
        await until(lambda: PARTITION in member.consumer.assignment(), "the partition")
        await member.watch.commits.commit({PARTITION: 4})
    async with joined(broker) as member:
        assert (await member.watch.seek_to_committed())[PARTITION] is None
        assert await member.position() == 0
        assert member.lost == 0


async def test_a_member_joins_anew_when_the_topic_was_created_anew(broker):
    await send(broker, 5)
    async with joined(broker) as member:
        await member.watch.seek_to_committed()
        generation = member.generation
        await create_anew(broker)
        await member.watch.look()
        await until(lambda: member.generation > generation, "another generation", 30)


async def test_messages_that_kafka_deleted_before_they_were_read_are_counted(broker):
    await send(broker, 9)
    async with joined(broker) as member:
        await member.watch.seek_to_committed()
        await member.watch.commits.commit({PARTITION: 2})
    await administer(broker, lambda admin: admin.delete_records({PARTITION: 6}))
    async with joined(broker) as member:
        await member.watch.seek_to_committed()
        assert member.lost == 4
        assert await member.position() == 6
        await member.watch.look()
        assert member.lost == 4


async def test_a_log_that_ends_before_the_committed_offset_is_read_from_its_beginning(broker):
    await send(broker, 3)
    async with joined(broker) as member:
        await member.watch.seek_to_committed()
        generation = member.generation
        await member.consumer.commit({PARTITION: OffsetAndMetadata(50, "")})
        await member.watch.seek_to_committed()

        async def has_joined_anew():
            await member.watch.look()
            return member.generation > generation

        await until(has_joined_anew, "another generation", 30)
        await until(lambda: PARTITION in member.consumer.assignment(), "an assignment", 30)
        assert (await member.watch.seek_to_committed())[PARTITION] == 0
        assert member.lost == 0


async def test_everything_after_the_commit_is_read_anew(broker):
    await send(broker, 5)
    async with joined(broker) as member:
        await member.watch.seek_to_committed()
        assert member.watch.starts[PARTITION].offset == 0
        await member.watch.commits.commit({PARTITION: 3})
        before = member.generation
        member.watch.read_anew()
        await until(
            lambda: member.generation > before and PARTITION in member.consumer.assignment(), "a new generation", 30
        )
        await member.watch.seek_to_committed()
        assert member.watch.starts[PARTITION].offset == 3
        assert await member.position() == 3


async def test_what_is_done_beyond_the_commit_is_kept_with_it(broker):
    await send(broker, 9)
    done = DoneAhead(8, frozenset({b"device"}))
    async with joined(broker) as member:
        await member.watch.seek_to_committed()
        await member.watch.commits.note({PARTITION: done}, member.generation)  # before any other commit
        await member.watch.seek_to_committed()
        assert member.watch.starts[PARTITION] == Start(0, done)
        await member.watch.commits.commit({PARTITION: 3})  # before the first note since
        await member.watch.commits.note({PARTITION: DoneAhead(9)}, member.generation - 1)  # of another topic, perhaps
        await member.watch.seek_to_committed()
        assert member.watch.starts[PARTITION] == Start(3, done)
        await member.watch.commits.commit({PARTITION: 9})
        await member.watch.seek_to_committed()
        assert member.watch.starts[PARTITION] == Start(9)


async def test_what_was_done_before_the_log_was_cut_does_not_count(broker):
    await send(broker, 5)
    async with joined(broker) as member:
        await member.watch.seek_to_committed()
        await member.watch.commits.note({PARTITION: DoneAhead(6)}, member.generation)
        await member.watch.seek_to_committed()
        assert member.watch.starts[PARTITION] == Start(0)


async def test_nothing_is_noted_as_done_between_the_notice_of_a_cut_and_reading_anew(broker):
    await send(broker, 5)
    async with joined(broker) as member:
        await member.watch.seek_to_committed()
        member.watch.commits.forget_done(PARTITION)
        await member.watch.commits.note({PARTITION: DoneAhead(4)}, member.generation)
        await member.watch.seek_to_committed()
        assert member.watch.starts[PARTITION] == Start(0, is_committed=False)
        await member.watch.commits.note({PARTITION: DoneAhead(4)}, member.generation)
        await member.watch.seek_to_committed()
        assert member.watch.starts[PARTITION] == Start(0, DoneAhead(4))


async def test_a_kafka_that_keeps_less_with_a_commit_still_keeps_the_offset(broker, monkeypatch, caplog):
    await send(broker, 5)
    async with joined(broker) as member:
        await member.watch.seek_to_committed()
        monkeypatch.setattr(DoneAhead, "encode", lambda _: "x" * 5_000)
        await member.watch.commits.note({PARTITION: DoneAhead(5)}, member.generation)
        await member.watch.commits.commit({PARTITION: 3})
        assert (await member.watch.seek_to_committed())[PARTITION] == 3
        assert caplog.text.count("offset.metadata.max.bytes") == 1
