"""Kafka that answers, but names addresses of its brokers that cannot be reached: one line, at once."""

import subprocess
import time

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

from deploy.embedded import broker_command
from deploy.ports import free_port
from har.process.advertised_brokers import require_advertised
from har.process.kafka_clients import open_client
from har.process.kafka_connection import KafkaConnection
from har.process.kafka_probe import KafkaUnreachableError, wait_until_reachable

LONGEST_SECONDS = 15
ELSEWHERE = f"127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
def misadvertised():
    """A broker that advertises an address at which nothing listens."""
    port = free_port()
    *arguments, _ = broker_command(port).arguments
    broker = subprocess.Popen([*arguments, f"tcp://{ELSEWHERE}"], stdout=subprocess.DEVNULL)
    kafka = KafkaConnection(f"127.0.0.1:{port}")
    wait_until_reachable(kafka, 20)
    yield kafka
    broker.kill()
    broker.wait()


@pytest.mark.parametrize("kind", [KafkaAdminClient, KafkaProducer, KafkaConsumer])
def test_a_client_names_the_brokers_that_kafka_advertises(kind, misadvertised, capfd):
    began = time.monotonic()
    with pytest.raises(KafkaUnreachableError) as failed:
        open_client(kind, misadvertised)
    assert time.monotonic() - began < LONGEST_SECONDS
    assert str(failed.value) == (
        f"Kafka at {misadvertised} answers, but says that its brokers are at {ELSEWHERE} (advertised.listeners), where "
        f"clients must connect: cannot reach Kafka with PLAINTEXT: {ELSEWHERE}: nothing listens there; is Kafka "
        "running, and is --bootstrap right?"
    )
    assert failed.value.is_transient
    assert capfd.readouterr() == ("", "")


def test_one_broker_that_can_be_reached_is_enough(misadvertised):
    kafka = KafkaConnection("kafka.invalid:9092")
    require_advertised(kafka, [ELSEWHERE, misadvertised.bootstrap])
    require_advertised(kafka, [])
    require_advertised(KafkaConnection(ELSEWHERE), [ELSEWHERE])
    with pytest.raises(KafkaUnreachableError, match=r"the host other\.invalid is unknown") as failed:
        require_advertised(kafka, ["other.invalid:9092"])
    assert not failed.value.is_transient
