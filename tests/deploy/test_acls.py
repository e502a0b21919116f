"""Rights in Kafka: each service works with those of its list, and with nobody else's."""

import os
import subprocess
import sys
from contextlib import closing

import pytest
from kafka import KafkaAdminClient

from deploy.kafka_environment import kafka_environment
from deploy.ports import free_port
from har import rights
from har.process.kafka_access import require_rights
from har.process.kafka_clients import KafkaRefusedError, open_client
from tests import brokers
from tests.command_line import CommandLine

pytestmark = [brokers.on_protected_kafka, pytest.mark.slow]

OPTIONS = {
    "gateway": ("gateway", "--port", "0"),
    "processor": ("processor", "--web-port", str(free_port())),
    "archive": ("archive", "run", "--metrics-port", "0"),
    "audit": ("audit",),
    "topics": ("topics", "--replication", "1"),
}


@pytest.fixture
def kafka(protected_kafka):
    protected_kafka.empty()
    return protected_kafka


@pytest.fixture
def har(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    return CommandLine(monkeypatch, capsys)


def options(connection) -> list[str]:
    """Return the options of a connection, except for its password."""
    words = ["--bootstrap", connection.bootstrap, "--kafka-protocol", connection.protocol]
    words += ["--kafka-authority", str(connection.authority)]
    if connection.certificate is not None:
        return [*words, "--kafka-certificate", str(connection.certificate), "--kafka-key", str(connection.key)]
    return [*words, "--kafka-mechanism", connection.mechanism, "--kafka-user", connection.user]


def run_as(service: str, other: str, kafka, tmp_path) -> subprocess.CompletedProcess[str]:
    """Run a service as the user of another, until it ends."""
    connection = kafka.user(other)
    secret = tmp_path / "password"
    secret.write_text(f"{connection.password.get_secret_value()}\n")
    words = [*OPTIONS[service], *options(connection), "--kafka-password-file", str(secret)]
    return subprocess.run(
        [sys.executable, "-m", "deploy", *words], capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False
    )


@pytest.mark.parametrize("service", rights.BY_SERVICE)
def test_the_rights_of_the_list_are_those_that_a_service_checks(kafka, service):
    require_rights(KafkaAdminClient, kafka.user(service), rights.BY_SERVICE[service])
    for right in rights.BY_SERVICE[service]:
        with pytest.raises(KafkaRefusedError, match=f"the user har-nobody lacks {right}"):
            require_rights(KafkaAdminClient, kafka.user("nobody"), [right])


@pytest.mark.parametrize(
    ("service", "other", "lacks"),
    [
        ("gateway", "archive", "WRITE on topic accelerometer.samples"),
        ("processor", "gateway", "READ on topic accelerometer.samples"),
        ("processor", "archive", "READ on group har-processor"),
        ("archive", "gateway", "READ on topic accelerometer.samples"),
        ("audit", "gateway", "READ on topic accelerometer.samples"),
        ("topics", "gateway", "CREATE on topic accelerometer.samples"),
    ],
)
def test_a_service_with_the_credentials_of_another_ends_and_names_the_right_it_lacks(
    kafka, tmp_path, service, other, lacks
):
    if service == "topics":
        brokers.delete_everything(kafka.admin)
    run = run_as(service, other, kafka, tmp_path)
    assert run.returncode != 0
    errors = [line for line in run.stderr.splitlines() if " INFO " not in line]
    assert len(errors) == 1, run.stderr
    assert errors[0].startswith(f"har {service}: ")
    assert f"the user har-{other} lacks" in errors[0]
    assert lacks in errors[0]
    assert kafka.user(other).password.get_secret_value() not in run.stdout + run.stderr


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
        "15",
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
