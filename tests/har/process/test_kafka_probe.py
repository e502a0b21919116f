"""Wrong settings for Kafka: one line within 15 s states what was tried and what to change."""

import dataclasses
import json
import socket
import socketserver
import threading
import time
from base64 import urlsafe_b64encode
from contextlib import closing

import pytest
from kafka import KafkaAdminClient
from pydantic import SecretStr

from deploy.local_authority import certificate_of
from deploy.ports import free_port
from har.process.kafka_clients import KafkaRefusedError, open_client
from har.process.kafka_connection import KafkaConnection
from har.process.kafka_probe import KafkaUnreachableError, require_reachable
from tests import brokers

pytestmark = brokers.on_protected_kafka

LONGEST_SECONDS = 15


def failure(kafka: KafkaConnection, capfd, **settings: int) -> str:
    """Return why a client cannot be opened, and check that nothing else was said."""
    began = time.monotonic()
    with pytest.raises((KafkaUnreachableError, KafkaRefusedError)) as failed:
        open_client(KafkaAdminClient, kafka, **settings).close()
    assert time.monotonic() - began < LONGEST_SECONDS
    assert capfd.readouterr() == ("", "")
    assert "\n" not in str(failed.value)
    return str(failed.value)


def changed(kafka: KafkaConnection, **changes) -> KafkaConnection:
    return dataclasses.replace(kafka, **changes)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_user_connects(protected_kafka, mechanism):
    with closing(open_client(KafkaAdminClient, protected_kafka.user("gateway", mechanism))) as admin:
        assert admin.describe_cluster()["brokers"]


def test_the_owner_of_a_token_connects(protected_kafka, tmp_path):
    file = tmp_path / "token"
    file.write_text(unsigned_token("har-gateway"))
    kafka = changed(protected_kafka.user("gateway"), mechanism="OAUTHBEARER", user=None, password=None, token_file=file)
    with closing(open_client(KafkaAdminClient, kafka)) as admin:
        assert admin.describe_cluster()["brokers"]


def unsigned_token(user: str) -> str:
    """Return a token without a signature, which Kafka accepts unless it is told whose signatures to check."""
    parts = ({"alg": "none"}, {"sub": user, "iat": time.time() - 60, "exp": time.time() + 3_600})
    return ".".join([*(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), ""])


def test_a_plain_text_client_on_a_port_with_tls(protected_kafka, capfd):
    kafka = KafkaConnection(protected_kafka.user("gateway").bootstrap)
    text = failure(kafka, capfd)
    assert text.startswith(f"cannot reach Kafka with PLAINTEXT: {kafka.bootstrap}: this listener speaks TLS")
    assert "--kafka-protocol SSL or SASL_SSL" in text


def test_a_client_with_tls_on_a_plain_text_port(apache_kafka, capfd):
    with brokers.ApacheBroker(apache_kafka) as broker:
        text = failure(KafkaConnection(broker.bootstrap, "SSL"), capfd)
    assert "this listener does not speak TLS" in text


def test_a_user_on_a_listener_without_users(apache_kafka, capfd):
    with brokers.ApacheBroker(apache_kafka) as broker:
        kafka = KafkaConnection(broker.bootstrap, "SASL_PLAINTEXT", "SCRAM-SHA-512", "u", SecretStr("p"))
        assert "this listener has no users" in failure(kafka, capfd)


def test_no_user_on_a_listener_with_users(protected_kafka, capfd):
    kafka = changed(protected_kafka.user("gateway"), protocol="SSL", mechanism=None, user=None, password=None)
    assert "this listener asks for a user: set --kafka-protocol SASL_SSL" in failure(kafka, capfd)


def test_no_client_certificate_where_one_is_asked_for(protected_kafka, capfd):
    kafka = changed(protected_kafka.admin, certificate=None, key=None)
    assert "asks for a client certificate: set --kafka-certificate" in failure(kafka, capfd)


def test_a_client_certificate_of_another_authority(protected_kafka, capfd, tmp_path):
    other = certificate_of("har-kafka", tmp_path)
    kafka = changed(protected_kafka.admin, certificate=other.certificate, key=other.key)
    assert "this listener does not accept the client certificate" in failure(kafka, capfd)


def test_a_server_of_an_unknown_authority(protected_kafka, capfd):
    text = failure(changed(protected_kafka.user("gateway"), authority=None), capfd)
    assert "its certificate is not accepted" in text
    assert "--kafka-authority" in text


def test_a_server_under_another_name_than_its_certificate_says(protected_kafka, capfd):
    user = protected_kafka.user("gateway")
    text = failure(changed(user, bootstrap=user.bootstrap.replace("localhost", "127.0.0.1")), capfd)
    assert "its certificate is not accepted: " in text
    assert "127.0.0.1" in text.partition("accepted")[2]


def test_a_mechanism_that_the_listener_lacks(protected_kafka, capfd):
    kafka = changed(protected_kafka.user("gateway"), mechanism="SCRAM-SHA-1")
    assert "this listener offers " in failure(kafka, capfd)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_a_wrong_password(protected_kafka, capfd, mechanism):
    kafka = changed(protected_kafka.user("gateway", mechanism), password=SecretStr("wrong"))
    text = failure(kafka, capfd, bootstrap_timeout_ms=2_000)
    assert f"does not accept the user har-gateway by {mechanism}" in text
    assert "wrong" not in text


def test_a_listener_of_controllers(apache_kafka, capfd):
    with brokers.ApacheBroker(apache_kafka):
        text = failure(KafkaConnection(apache_kafka.controller_address), capfd)
    assert "this listener is not for clients, but perhaps for Kafka's controllers" in text


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\0\4abcd", b"\0\0\0\x0a" + bytes(9) + b"\1"]
)
def test_a_server_that_is_not_kafka(answer, capfd):
    with Answering(answer) as server:
        kafka = KafkaConnection(server.address)
        assert "the answer is not Kafka's; is this Kafka's port?" in failure(kafka, capfd, bootstrap_timeout_ms=1)


class Answering(socketserver.ThreadingTCPServer):
    """A server that answers each request in the same way."""

    def __init__(self, answer: bytes) -> None:
        class Answer(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                if self.request.recv(1_000):
                    self.request.sendall(answer)

        super().__init__(("127.0.0.1", 0), Answer)
        self._serving = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._serving.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def __exit__(self, *of_exception: object) -> None:
        self.shutdown()
        self._serving.join()
        super().__exit__(*of_exception)


def test_a_host_whose_name_server_does_not_answer_may_be_found_later(monkeypatch):
    def look_up(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(KafkaUnreachableError, match="the name server does not answer for the host kafka") as failed:
        require_reachable(KafkaConnection("kafka:9092"))
    assert failed.value.is_transient


def test_an_unknown_host(capfd):
    assert "the host no-such-host.invalid is unknown" in failure(KafkaConnection("no-such-host.invalid:9092"), capfd)


def test_a_port_on_which_nothing_listens(capfd):
    server = f"127.0.0.1:{free_port()}"
    assert f"{server}: nothing listens there" in failure(KafkaConnection(server), capfd, bootstrap_timeout_ms=300)
