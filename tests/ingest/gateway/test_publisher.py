import asyncio
import time

import pytest
from kafka.errors import KafkaError

from har import topics
from har.process import kafka_clients
from har.process.kafka_connection import KafkaConnection
from ingest.gateway import publisher as publisher_module
from ingest.gateway.publisher import KafkaPublisher, OrderedSender, PublishError
from tests import brokers
from tests.waiting import until

TIMEOUT_SECONDS = 1.0


def publisher_on(broker) -> KafkaPublisher:
    return KafkaPublisher(broker.kafka, (topics.SAMPLES.name,), delivery_timeout_seconds=TIMEOUT_SECONDS)


def publish(ordered_sender: OrderedSender, text: str) -> "asyncio.Future[None]":
    now = time.time_ns() // 1000
    return ordered_sender.publish(topics.SAMPLES.name, b"device", text.encode(), arrived_us=now, headers=[])


def contents(broker, count: int) -> list[str]:
    return [record.value.decode() for record in broker.read(topics.SAMPLES.name, count)]


async def test_an_ordered_sender_accepts_no_message_after_a_failed_one(broker):
    async with publisher_on(broker) as publisher:
        ordered_sender, idle = publisher.ordered_sender(), publisher.ordered_sender()
        await publish(ordered_sender, "first")
        broker.freeze()
        lost = [publish(ordered_sender, f"lost {number}") for number in range(3)]
        for failed in lost:
            with pytest.raises(PublishError):
                await failed
        with pytest.raises(PublishError):
            await publish(ordered_sender, "while there is no producer")
        assert not publisher.is_ready
        broker.unfreeze()
        await until(lambda: publisher.is_ready, "a new producer", 20, every=0.02)
        for old in (ordered_sender, idle):
            with pytest.raises(PublishError):
                await publish(old, "after the gap")
        await publish(publisher.ordered_sender(), "again")
    assert "after the gap" not in contents(broker, 2)


async def test_no_message_overtakes_a_failed_one(broker):
    async with publisher_on(broker) as publisher:
        ordered_sender = publisher.ordered_sender()
        await publish(ordered_sender, "0")
        broker.freeze()
        waiting = []
        deadline = time.monotonic() + 2 * TIMEOUT_SECONDS
        while time.monotonic() < deadline:  # messages that time out, and messages that fail with them
            waiting.append(publish(ordered_sender, str(len(waiting) + 1)))
            await asyncio.sleep(0.1)
        broker.unfreeze()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(outcome, PublishError) for outcome in outcomes)
        await asyncio.sleep(1)  # the abandoned producer's last request may still arrive
    numbers = [int(text) for text in contents(broker, 1)]
    assert list(dict.fromkeys(numbers)) == list(range(len(set(numbers))))


async def test_messages_are_confirmed_although_all_together_exceed_the_timeout(broker):
    async with publisher_on(broker) as publisher:
        ordered_sender = publisher.ordered_sender()
        for number in range(12):  # longer than the timeout in all
            await publish(ordered_sender, str(number))
            await asyncio.sleep(TIMEOUT_SECONDS / 6)
    assert contents(broker, 12) == [str(number) for number in range(12)]


@pytest.mark.parametrize("broker", [brokers.APACHE], indirect=True)  # the embedded one creates topics on request
async def test_a_missing_topic_is_reported_at_the_start(broker):
    with pytest.raises(PublishError, match="har topics"):
        async with KafkaPublisher(broker.kafka, ("no.such.topic",), delivery_timeout_seconds=1):
            pass


class RejectingProducer:
    """A producer that accepts messages, and fails them on request."""

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
    monkeypatch.setattr(kafka_clients, "wait_until_reachable", lambda *_: None)  # the producer needs no Kafka either
    monkeypatch.setattr(publisher_module, "KafkaProducer", lambda **_: made.append(RejectingProducer()) or made[-1])
    async with KafkaPublisher(
        KafkaConnection("nowhere:1"), (topics.SAMPLES.name,), delivery_timeout_seconds=30
    ) as publisher:
        ordered_sender = publisher.ordered_sender()
        waiting = [publish(ordered_sender, "a"), publish(ordered_sender, "b")]
        await asyncio.to_thread(made[0].fail)  # on another thread, as kafka-python does
        assert made[0].failed_after_closing == [True, True]
        for failed in waiting:
            with pytest.raises(PublishError):
                await failed


@pytest.mark.parametrize("delivery_timeout_seconds", [0.5, 30, 600])
async def test_a_producer_never_gives_up_by_itself_before_its_messages_are_overdue(
    monkeypatch, delivery_timeout_seconds
):
    configurations = []
    monkeypatch.setattr(kafka_clients, "wait_until_reachable", lambda *_: None)
    monkeypatch.setattr(
        publisher_module,
        "KafkaProducer",
        lambda **configuration: configurations.append(configuration) or RejectingProducer(),
    )
    async with KafkaPublisher(
        KafkaConnection("nowhere:1"), (topics.SAMPLES.name,), delivery_timeout_seconds=delivery_timeout_seconds
    ):
        pass
    (configuration,) = configurations
    assert configuration["delivery_timeout_ms"] > 100 * 1000 * delivery_timeout_seconds
    assert configuration["request_timeout_ms"] < 1000 * delivery_timeout_seconds
