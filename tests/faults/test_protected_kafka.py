"""Kafka with TLS, users and rights: the same faults, and rights that are taken away while the system runs."""

import asyncio
import signal
from contextlib import closing

import pytest
from kafka.admin import ACLFilter, ACLOperation, ACLPermissionType, KafkaAdminClient, ResourcePattern, ResourceType

from deploy.acls import Grant, give
from har import rights, topics
from har.process.kafka_clients import open_client
from tests import brokers
from tests.faults.conftest import PHONES, by_length
from tests.faults.stage import FreshPredictions, on_stage
from tests.waiting import until

pytestmark = [brokers.on_protected_kafka, pytest.mark.slow, pytest.mark.timeout(by_length(300, 2_400))]

SERVICES = ("archive", "demo", "gateway", "processor", "store")


@pytest.fixture
async def stage(protected_kafka, tmp_path):
    """A running system, each of whose services has the least rights."""
    protected_kafka.empty()
    users = {service: protected_kafka.user(service) for service in SERVICES}
    async with on_stage(protected_kafka.admin, tmp_path, services_kafka=users) as stage:
        yield stage


async def test_nothing_is_lost_if_a_worker_is_killed_on_a_protected_kafka(stage, report):
    await stage.start_phones(PHONES)
    await stage.kill_often("processor", by_length(3, 30), [signal.SIGKILL], by_length(5, 10))
    await stage.stop_phones()
    report("a worker killed on a Kafka with TLS, users and rights", await stage.audit())


@pytest.mark.parametrize(
    ("service", "right"),
    [
        ("processor", rights.Right("WRITE", "TOPIC", topics.PREDICTIONS.name)),
        ("processor", rights.Right("READ", "TOPIC", topics.SAMPLES.name)),
        ("processor", rights.Right("READ", "GROUP", rights.DEFAULT_GROUP)),
        ("gateway", rights.Right("WRITE", "TOPIC", topics.SAMPLES.name)),
    ],
    ids=str,
)
async def test_a_right_that_is_taken_away_is_named_and_given_back_without_a_loss(
    stage, protected_kafka, tmp_path, report, service, right
):
    await stage.start_phones(PHONES)
    with FreshPredictions(stage) as predictions:
        await predictions.wait_for_more(PHONES)
    await asyncio.to_thread(take, protected_kafka, f"User:har-{service}", right)
    named = f"the user har-{service} lacks {right}"
    await until(lambda: named in (tmp_path / "log").read_text(), f"the log to say that {named}", 60)
    await asyncio.to_thread(give, protected_kafka.admin, [Grant(f"User:har-{service}", right)])
    await stage.stop_phones()
    report(f"a right of the {service} was taken away: {right}", await stage.audit())


def take(kafka: brokers.ProtectedKafka, principal: str, right: rights.Right) -> None:
    with closing(open_client(KafkaAdminClient, kafka.admin)) as admin:
        place = ResourcePattern(ResourceType[right.resource], right.name)
        admin.delete_acls([ACLFilter(principal, "*", ACLOperation[right.operation], ACLPermissionType.ALLOW, place)])
