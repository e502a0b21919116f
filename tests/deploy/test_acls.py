"""Rights in Kafka: each service works with those of its list, and with nobody else's."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from deploy.kafka_environment import kafka_environment
from deploy.ports import free_port
from har import rights
from har.process.kafka_access import require_rights
from har.process.kafka_clients import KafkaRefusedError, open_client
from model_store.repository.creation import create_store
from model_store.repository.signed_state import Signing
from model_store.repository.signing_keys import Keyring
from model_store.repository.storage import Storage
from tests import brokers

pytestmark = [brokers.on_protected_kafka, pytest.mark.slow]

OPTIONS = {
    "gateway": ("gateway", "--port", "0"),
    "processor": ("processor", "--web-port", str(free_port())),
    "archive": ("archive", "run", "--metrics-port", "0"),
    "store": ("store", "serve", "--store", "store", "--online-keys", "keys/online"),
    "audit": ("audit",),
    "topics": ("topics", "--replication", "1"),
    "demo": ("demo",),
}


@pytest.fixture
def kafka(protected_kafka):
    protected_kafka.empty()
    return protected_kafka


@pytest.fixture
def har(har, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return har


def options(connection) -> list[str]:
    """Return the options of a connection, except for its password."""
    words = ["--bootstrap", connection.bootstrap, "--kafka-protocol", connection.protocol]
    words += ["--kafka-authority", str(connection.authority)]
    if connection.certificate is not None:
        return [*words, "--kafka-certificate", str(connection.certificate), "--kafka-key", str(connection.key)]
    return [*words, "--kafka-mechanism", connection.mechanism, "--kafka-user", connection.user]


def make_store(folder: Path) -> None:
    """Make the store that `OPTIONS` names."""
    create_store(Storage(str(folder / "store")), Signing(Keyring(folder / "keys/online", folder / "keys/offline")))


def test_the_rights_of_the_list_are_those_that_a_service_checks(kafka):
    for service, needed in rights.BY_SERVICE.items():
        require_rights(KafkaAdminClient, kafka.user(service), needed)
    for right in {right for needed in rights.BY_SERVICE.values() for right in needed}:
        with pytest.raises(KafkaRefusedError, match=f"the user har-nobody lacks {right}"):
            require_rights(KafkaAdminClient, kafka.user("nobody"), [right])


@pytest.mark.parametrize(
    ("service", "other", "lacks"),
    [
        ("gateway", "archive", "WRITE on topic accelerometer.samples"),
        ("processor", "gateway", "READ on topic accelerometer.samples"),
        ("processor", "archive", "READ on group har-processor"),
        ("archive", "gateway", "READ on topic accelerometer.samples"),
        ("store", "gateway", "WRITE on topic model.releases"),
        ("audit", "gateway", "READ on topic accelerometer.samples"),
    ],
)
def test_a_service_with_the_credentials_of_another_ends_and_names_the_right_it_lacks(
    protected_kafka, har, tmp_path, caplog, service, other, lacks
):
    make_store(tmp_path)
    connection = protected_kafka.user(other)
    secret = tmp_path / "password"
    secret.write_text(f"{connection.password.get_secret_value()}\n")
    run = har.call(*OPTIONS[service], *options(connection), "--kafka-password-file", str(secret))
    assert run.status != 0
    assert run.err.startswith(f"har {' '.join(OPTIONS[service][:2]) if service == 'store' else service}: ")
    assert run.err.count("\n") == 1
    assert f"the user har-{other} lacks" in run.err
    assert lacks in run.err
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
    assert connection.password.get_secret_value() not in run.out + run.err + caplog.text


def test_who_may_not_create_topics_is_told_so(kafka, har, monkeypatch):
    brokers.delete_everything(kafka.admin)
    user = kafka.user("gateway")
    monkeypatch.setenv("HAR_TOPICS_KAFKA_PASSWORD", user.password.get_secret_value())
    run = har.call(*OPTIONS["topics"], *options(user))
    assert run.status == 1
    assert "the user har-gateway lacks CREATE on topic accelerometer.samples" in run.err


@pytest.mark.parametrize("service", OPTIONS)
def test_a_plain_text_client_on_a_port_with_tls_ends_with_one_line(protected_kafka, har, tmp_path, caplog, service):
    make_store(tmp_path)
    server = protected_kafka.cluster.secured_bootstrap
    run = har.call(*OPTIONS[service], "--bootstrap", server)
    assert run.status != 0
    assert run.err.splitlines()[-1].endswith(
        f": cannot reach Kafka with PLAINTEXT: {server}: this listener speaks TLS: set --kafka-protocol SSL or SASL_SSL"
    )
    assert run.err.count("\n") == 1
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


def test_the_list_is_printed_and_applied(kafka, har):
    printed = har.call("topics", "--acls", "print")
    assert printed.status == 0
    assert (
        "kafka-acls.sh --bootstrap-server 127.0.0.1:9092 --add --allow-principal 'User:har-gateway' "
        "--operation WRITE --topic accelerometer.samples\n"
    ) in printed.out
    applied = har.call("topics", "--acls", "apply", "--principal", "User:{service}-2", *options(kafka.admin))
    assert applied.status == 0, applied.err
    assert "User:processor-2 may READ on group har-processor" in applied.out
    with closing(open_client(KafkaAdminClient, kafka.admin)) as admin:
        listed, _ = admin.describe_acls(brokers.every_acl())
    found = {acl.principal for acl in listed}
    assert {f"User:{service}-2" for service in rights.BY_SERVICE} <= found


def test_who_may_not_give_rights_is_told_so(kafka, har, monkeypatch):
    user = kafka.user("topics")
    monkeypatch.setenv("HAR_TOPICS_KAFKA_PASSWORD", user.password.get_secret_value())
    run = har.call("topics", "--acls", "apply", *options(user))
    assert run.status == 1
    assert "the user har-topics lacks ALTER on cluster" in run.err


def test_a_kafka_without_rights_is_named(apache_kafka, har):
    with brokers.ApacheBroker(apache_kafka) as broker:
        run = har.call("topics", "--acls", "apply", "--bootstrap", broker.bootstrap)
    assert run.status == 1
    assert "keeps no rights: set its authorizer.class.name" in run.err


def test_the_demo_runs_with_the_least_rights_of_each_service(kafka, tmp_path):
    user = kafka.user("demo")
    brokers.delete_everything(kafka.admin)  # the demo creates the topics
    users = {service: kafka.user(service) for service in ("gateway", "processor", "archive", "store")}
    environment = {**os.environ, **kafka_environment(users, {})}
    environment["HAR_DEMO_KAFKA_PASSWORD"] = user.password.get_secret_value()
    file = tmp_path / "summary.json"
    words = [
        "demo",
        "--devices",
        "2",
        "--seconds",
        "20",
        "--summary",
        str(file),
        "--archive",
        str(tmp_path / "archive"),
    ]
    words += ["--gateway-port", str(free_port()), "--dashboard-port", str(free_port()), *options(user)]
    run = subprocess.run(
        [sys.executable, "-m", "deploy", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert '"windows_missing": 0' in file.read_text()
    assert "lacks" not in run.stderr
    assert "uthorization" not in run.stderr
