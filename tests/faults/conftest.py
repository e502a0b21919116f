"""Fault tests: short by default; at the length that `docs/guarantees.md` reports with HAR_FAULTS=full."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeVar

import pytest

from deploy.audit.findings import Audit
from deploy.audit.text import describe
from deploy.kafka.cluster import KafkaCluster
from deploy.local_store import LocalStore
from deploy.topics import create_topics
from tests import brokers
from tests.faults.stage import Stage, on_stage

Value = TypeVar("Value")
IS_FULL = os.environ.get("HAR_FAULTS") == "full"
PHONES = 200 if IS_FULL else 20
_RESULT = "fault result"


def by_length(short: Value, full: Value) -> Value:
    """Choose by how long the tests shall take."""
    return full if IS_FULL else short


OpenStage = Callable[..., Awaitable[Stage]]


@pytest.fixture
async def open_stage(tmp_path: Path) -> AsyncIterator[OpenStage]:
    """Starts the system on a Kafka; it is stopped after the test."""
    async with AsyncExitStack() as stages:

        async def start(
            bootstrap: str,
            *processor_options: str,
            store: LocalStore | None = None,
            archive: str | None = None,
        ) -> Stage:
            return await stages.enter_async_context(
                on_stage(bootstrap, tmp_path, *processor_options, store=store, archive=archive)
            )

        yield start


@pytest.fixture
def one_broker(apache_kafka: KafkaCluster) -> Iterator[KafkaCluster]:
    """Apache Kafka of one broker with empty topics."""
    with brokers.ApacheBroker(apache_kafka):
        yield apache_kafka


@pytest.fixture
def three_brokers(kafka_cluster: KafkaCluster) -> KafkaCluster:
    """Apache Kafka of three brokers with empty topics."""
    kafka_cluster.wait_until_ready()
    brokers.forget_everything(kafka_cluster.bootstrap)
    create_topics(kafka_cluster.bootstrap, partitions=brokers.PARTITIONS, replication=3)
    return kafka_cluster


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Checks that an audit is clean, and notes what it found for the table at the end.

    Phones that do nothing wrong may not have a batch refused.
    """

    def note(what: str, audit: Audit, *, may_refuse: bool = False, **more: object) -> None:
        said = {
            "phones": audit.sessions,
            "batches": audit.batches_stored,
            "windows": audit.windows_expected,
            "missing": audit.missing.count,
            "differing": audit.differing.count + audit.contradicted.count,
            "out of order": audit.out_of_order.count,
            "lost batches": audit.lost_batches.count,
            "repeated predictions": audit.predictions_repeated,
            "repeated batches": audit.batches_repeated,
        }
        request.node.user_properties.append((_RESULT, {"what": what, **said, "more": more}))
        assert audit.windows_expected > 0
        assert audit.is_clean, describe(audit)
        assert may_refuse or not audit.refused, describe(audit)

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the fault tests found, as rows for `docs/guarantees.md`."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, [])]
    rows = [found for report in reports for name, found in report.user_properties if name == _RESULT]
    if not rows:
        return
    terminalreporter.section("faults")
    columns = [name for name in rows[0] if name != "more"]
    terminalreporter.write_line("| " + " | ".join(columns) + " |")
    for row in rows:
        terminalreporter.write_line("| " + " | ".join(str(row[name]) for name in columns) + " |")
        if row["more"]:
            terminalreporter.write_line("    " + ", ".join(f"{name}: {value}" for name, value in row["more"].items()))
