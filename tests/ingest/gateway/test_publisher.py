import asyncio
import time

import pytest
from kafka.errors import KafkaError
from kafka.partitioner.default import DefaultPartitioner

from har import topics
from ingest.gateway import publisher as publisher_module
from ingest.gateway.publisher import KafkaPublisher, OrderedSender, PublishError, RememberingPartitioner
from tests import brokers

TIMEOUT_SECONDS = 1.0


def publisher_on(broker) -> KafkaPublisher:
    return KafkaPublisher(broker.bootstrap, (topics.SAMPLES.name,), delivery_timeout_seconds=TIMEOUT_SECONDS)


def publish(lane: OrderedSender, text: str) -> "asyncio.Future[None]":
    now = time.time_ns() // 1000
    return lane.publish(topics.SAMPLES.name, b"device", text.encode(), arrived_us=now, headers=[])


def contents(broker, count: int) -> list[str]:
    return [record.value.decode() for record in broker.read(topics.SAMPLES.name, count)]


async def test_after_a_message_that_failed_its_lane_takes_no_other(broker):
    async with publisher_on(broker) as publisher:
        lane, idle = publisher.lane(), publisher.lane()
        await publish(lane, "first")
        broker.freeze()
        lost = [publish(lane, f"lost {number}") for number in range(3)]
        for failed in lost:
            with pytest.raises(PublishError):
                await failed
        with pytest.raises(PublishError):
            await publish(lane, "while there is no producer")
        assert not publisher.is_ready
        broker.unfreeze()
        async with asyncio.timeout(20):
            while not publisher.is_ready:
                await asyncio.sleep(0.02)
        for old in (lane, idle):
            with pytest.raises(PublishError):
                await publish(old, "after the gap")
        await publish(publisher.lane(), "again")
    assert "after the gap" not in contents(broker, 2)


async def test_nothing_overtakes_a_message_that_failed(broker):
    async with publisher_on(broker) as publisher:
        lane = publisher.lane()
        await publish(lane, "0")
        broker.freeze()
        waiting = []
        deadline = time.monotonic() + 2 * TIMEOUT_SECONDS
        while time.monotonic() < deadline:  # what fails, and what would have had time left
            waiting.append(publish(lane, str(len(waiting) + 1)))
            await asyncio.sleep(0.1)
        broker.unfreeze()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(outcome, PublishError) for outcome in outcomes)
        await asyncio.sleep(1)  # the abandoned producer's last request may still arrive
    numbers = [int(text) for text in contents(broker, 1)]
    assert list(dict.fromkeys(numbers)) == list(range(len(set(numbers))))


async def test_a_message_in_time_is_confirmed_although_others_take_longer(broker):
    async with publisher_on(broker) as publisher:
        lane = publisher.lane()
        for number in range(12):  # longer than the timeout in all
            await publish(lane, str(number))
            await asyncio.sleep(TIMEOUT_SECONDS / 6)
    assert contents(broker, 12) == [str(number) for number in range(12)]


@pytest.mark.parametrize("broker", [brokers.APACHE], indirect=True)  # the embedded one makes topics up
async def test_a_topic_that_is_missing_is_said_at_the_start(broker):
    with pytest.raises(PublishError, match="har topics"):
        async with KafkaPublisher(broker.bootstrap, ("no.such.topic",), delivery_timeout_seconds=1):
            pass


class RejectingProducer:
    """Takes messages, and fails them when it is told to."""

    def __init__(self, **_):
        self.is_closed = False
        self.errbacks = []
        self.failed_after_closing = []

    def partitions_for(self, _):
        return {0}

    def send(self, *_, **__):
        return self

    def add_callback(self, _):
        return self

    def add_errback(self, errback):
        self.errbacks.append(errback)

    def close(self, timeout):
        self.is_closed = timeout == 0

    def fail(self):
        for errback in self.errbacks:
            errback(KafkaError("no"))
            self.failed_after_closing.append(self.is_closed)


async def test_a_producer_that_gives_up_a_message_is_closed_before_it_can_send_the_next(monkeypatch):
    made = []
    monkeypatch.setattr(publisher_module, "KafkaProducer", lambda **_: made.append(RejectingProducer()) or made[-1])
    async with KafkaPublisher("nowhere:1", (topics.SAMPLES.name,), delivery_timeout_seconds=30) as publisher:
        lane = publisher.lane()
        waiting = [publish(lane, "a"), publish(lane, "b")]
        await asyncio.to_thread(made[0].fail)  # on a thread of its own, as kafka-python does
        assert made[0].failed_after_closing == [True, True]
        for failed in waiting:
            with pytest.raises(PublishError):
                await failed


@pytest.mark.parametrize("delivery_timeout_seconds", [0.5, 30, 600])
async def test_a_producer_never_gives_up_by_itself_before_its_messages_are_overdue(
    monkeypatch, delivery_timeout_seconds
):
    configurations = []
    monkeypatch.setattr(
        publisher_module, "KafkaProducer", lambda **given: configurations.append(given) or RejectingProducer()
    )
    async with KafkaPublisher("nowhere:1", (topics.SAMPLES.name,), delivery_timeout_seconds=delivery_timeout_seconds):
        pass
    (given,) = configurations
    assert given["delivery_timeout_ms"] > 100 * 1000 * delivery_timeout_seconds
    assert given["request_timeout_ms"] < 1000 * delivery_timeout_seconds


@pytest.mark.parametrize("partitions", [1, 4, 12])
def test_devices_lie_in_the_partitions_that_other_clients_choose(partitions):
    class Cluster:
        def topics(self):
            return {"t"}

        def partitions_for_topic(self, _):
            return set(range(partitions))

        def available_partitions_for_topic(self, _):
            return set(range(partitions))

    for number in range(200):
        key = b"phone-%d" % number
        asked = ("t", key, key, b"", b"", Cluster())
        assert RememberingPartitioner().partition(*asked) == DefaultPartitioner().partition(*asked)
