"""Kafka with TLS, users and rights: the same faults, and rights that are taken away while the system runs."""

import asyncio
import signal
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from deploy.acls import Grant, give
from har import rights, topics
from tests import brokers
from tests.faults.conftest import PHONES, SharedStage, by_length, on_shared_stage, start_threads
from tests.faults.stage import FreshPredictions, on_stage
from tests.waiting import until

pytestmark = [
    brokers.on_protected_kafka,
    on_shared_stage,
    pytest.mark.slow,
    pytest.mark.timeout(by_length(300, 2_400)),
]

SERVICES = ("archive", "demo", "gateway", "processor", "store")
#: What is taken away: the gateway continues without it, the processor ends. In the short form, what phones notice.
RIGHTS = [
    ("gateway", rights.Right("WRITE", "TOPIC", topics.SAMPLES.name)),
    ("processor", rights.Right("WRITE", "TOPIC", topics.PREDICTIONS.name)),
    ("processor", rights.Right("READ", "TOPIC", topics.SAMPLES.name)),
    ("processor", rights.Right("READ", "GROUP", rights.DEFAULT_GROUP)),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_stage(protected_kafka, tmp_path_factory):
    """The system of this module, each of whose services has the least rights."""
    await start_threads()
    users = {service: protected_kafka.user(service) for service in SERVICES}

    @asynccontextmanager
    async def start():
        await asyncio.to_thread(protected_kafka.empty)
        async with on_stage(protected_kafka.admin, tmp_path_factory.mktemp("stage"), services_kafka=users) as stage:
            yield stage

    shared = SharedStage(start)
    yield shared
    await shared.close()


async def test_nothing_is_lost_if_a_worker_is_killed_on_a_protected_kafka(stage, report):
    await stage.start_phones(PHONES)
    await stage.kill_often("processor", by_length(3, 30), [signal.SIGKILL], by_length(5, 10))
    await stage.stop_phones()
    report("a worker killed on a Kafka with TLS, users and rights", await stage.audit())


@pytest.mark.parametrize(("service", "right"), by_length(RIGHTS[:1], RIGHTS), ids=str)
async def test_a_right_that_is_taken_away_is_named_and_given_back_without_a_loss(
    stage, protected_kafka, report, service, right
):
    await stage.start_phones(PHONES)
    with FreshPredictions(stage) as predictions:
        await predictions.wait_for_more(PHONES)
    await asyncio.to_thread(protected_kafka.take, service, right)
    named = f"the user har-{service} lacks {right}"
    await until(lambda: named in (stage.folder / "log").read_text(), f"the log to say that {named}", 60)
    await asyncio.to_thread(give, protected_kafka.admin, [Grant(f"User:har-{service}", right)])
    await stage.stop_phones()
    report(f"a right of the {service} was taken away: {right}", await stage.audit())
