"""A Kafka client that cannot be opened leaks no thread and no socket."""

import gc
import threading
import warnings
from contextlib import closing
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from deploy.ports import free_port
from har import topics
from har.process.kafka_clients import KafkaRefusedError, open_client, open_reader
from har.process.kafka_connection import KafkaConnection
from har.process.kafka_probe import KafkaUnreachableError
from har.rights import Right
from tests import brokers
from tests.waiting import wait_for

KINDS = pytest.mark.parametrize("kind", [KafkaProducer, KafkaConsumer, KafkaAdminClient])


@KINDS
def test_a_client_that_cannot_be_opened_leaves_neither_thread_nor_socket(kind: Any) -> None:
    threads = set(threading.enumerate())
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with pytest.raises(KafkaUnreachableError):
            open_client(kind, KafkaConnection(f"127.0.0.1:{free_port()}"), bootstrap_timeout_ms=300)
        assert set(threading.enumerate()) == threads
        gc.collect()
    unclosed = [str(each.message) for each in warned if issubclass(each.category, ResourceWarning)]
    assert [text for text in unclosed if "family=1," in text] == []  # the socket pair that wakes its loop


@KINDS
def test_a_client_that_can_be_opened_works(kind: Any) -> None:
    with brokers.EmbeddedBroker() as broker:
        client = open_client(kind, broker.kafka)
        try:
            if kind is KafkaProducer:
                client.send(topics.SAMPLES.name, b"a message").get(10)
            else:
                assert topics.SAMPLES.name in (client.topics() if kind is KafkaConsumer else client.list_topics())
        finally:
            client.close()


@brokers.on_protected_kafka
def test_a_reader_that_may_not_know_its_topic_says_so_instead_of_waiting_for_it(protected_kafka):
    protected_kafka.empty()
    protected_kafka.take("archive", Right("READ", "TOPIC", topics.SAMPLES.name))
    kafka = protected_kafka.user("archive")
    reader = open_reader(KafkaConsumer, kafka, fetch_wait_ms=100, max_records=10, reset="earliest")
    with closing(reader):
        reader.assign([TopicPartition(topics.SAMPLES.name, 0), TopicPartition(topics.LABELS.name, 0)])

        def is_refused() -> bool:
            try:
                return bool(reader.poll(timeout_ms=100))
            except KafkaRefusedError as error:
                assert f"the user har-archive lacks READ on topic {topics.SAMPLES.name}; " in str(error)
                return True

        wait_for(is_refused, "the reader to be refused")
