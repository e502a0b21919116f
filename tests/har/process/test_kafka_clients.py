"""A Kafka client that cannot be opened leaks no thread and no socket."""

import gc
import threading
import warnings
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

from deploy.ports import free_port
from har import topics
from har.process.kafka_clients import open_client
from har.process.kafka_connection import KafkaConnection
from har.process.kafka_probe import KafkaUnreachableError
from tests import brokers

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
