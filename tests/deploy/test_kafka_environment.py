"""The variables with which the services of one machine connect to Kafka."""

from pathlib import Path

from pydantic import SecretStr

from deploy.kafka_environment import kafka_environment
from har.process.kafka_connection import KafkaConnection
from ingest.gateway.settings import GatewaySettings

KAFKA = KafkaConnection("kafka:9093", "SASL_SSL", "SCRAM-SHA-512", "har-demo", SecretStr("of the demo"))


def test_each_service_connects_as_the_demo_does(monkeypatch):
    for name, value in kafka_environment(KAFKA, {}).items():
        monkeypatch.setenv(name, value)
    assert GatewaySettings(bootstrap="kafka:9093").kafka == KAFKA


def test_a_service_whose_user_and_password_are_in_the_environment_connects_as_that_user(monkeypatch):
    own = {"HAR_GATEWAY_KAFKA_USER": "har-gateway", "HAR_GATEWAY_KAFKA_PASSWORD": "its own"}
    variables = kafka_environment(KAFKA, own)
    for name, value in {**own, **variables}.items():
        monkeypatch.setenv(name, value)
    kafka = GatewaySettings(bootstrap="kafka:9093").kafka
    assert (kafka.protocol, kafka.mechanism, kafka.user) == ("SASL_SSL", "SCRAM-SHA-512", "har-gateway")
    assert kafka.password == SecretStr("its own")
    assert variables["HAR_PROCESSOR_KAFKA_USER"] == "har-demo"


def test_a_service_with_a_certificate_of_its_own_keeps_it():
    kafka = KafkaConnection("kafka:9093", "SSL", certificate=Path("demo.pem"), key=Path("demo-key.pem"))
    variables = kafka_environment(kafka, {"HAR_STORE_KAFKA_CERTIFICATE": "a", "HAR_STORE_KAFKA_KEY": "b"})
    assert variables["HAR_STORE_KAFKA_PROTOCOL"] == "SSL"
    assert "HAR_STORE_KAFKA_CERTIFICATE" not in variables
    assert "HAR_STORE_KAFKA_KEY" not in variables
    assert variables["HAR_GATEWAY_KAFKA_KEY"] == "demo-key.pem"
