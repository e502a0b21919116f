"""Every way to prove who connects works in aiokafka, and in what Faust makes of it."""

import dataclasses
import json
import time
from base64 import urlsafe_b64encode

import pytest
from aiokafka import AIOKafkaProducer
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from har import topics
from stream_processor.kafka_credentials import aiokafka_settings, faust_credentials
from tests import brokers

pytestmark = brokers.on_protected_kafka


@pytest.fixture
def connection(protected_kafka, request, tmp_path):
    protected_kafka.empty()
    if request.param == "certificate":
        return protected_kafka.admin
    if request.param != "OAUTHBEARER":
        return protected_kafka.user("gateway", request.param)
    parts = ({"alg": "none"}, {"sub": "har-gateway", "iat": time.time() - 60, "exp": time.time() + 3_600})
    encoded = [urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    file = tmp_path / "token"
    file.write_text(".".join([*encoded, ""]))
    user = protected_kafka.user("gateway")
    return dataclasses.replace(user, mechanism="OAUTHBEARER", user=None, password=None, token_file=file)


@pytest.mark.parametrize(
    "connection", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "certificate"], indirect=True
)
async def test_a_message_is_sent(connection):
    settings = aiokafka_settings(connection)
    of_faust = credentials_to_aiokafka_auth(faust_credentials(connection))
    for more in (settings, {"bootstrap_servers": connection.servers, **of_faust}):
        producer = AIOKafkaProducer(**more)
        await producer.start()
        try:
            await producer.send_and_wait(topics.LABELS.name, b"a message")
        finally:
            await producer.stop()
