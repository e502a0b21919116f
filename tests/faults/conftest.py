"""Fault tests: short by default; at the length that `docs/guarantees.md` reports with HAR_FAULTS=full."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import pytest
import pytest_asyncio

from deploy.audit.findings import Audit
from deploy.audit.text import describe
from deploy.kafka.cluster import KafkaCluster
from deploy.kafka.distribution import Distribution
from deploy.local_store import LocalStore
from deploy.stack import GATEWAY
from har.process.kafka_connection import KafkaConnection
from tests import brokers
from tests.faults.stage import Stage, on_stage

Value = TypeVar("Value")
IS_FULL = os.environ.get("HAR_FAULTS") == "full"
#: Even the few phones of the short form use all partitions.
PHONES = 200 if IS_FULL else 8
#: Threads of an event loop that several tests share: more than any of them uses at a time.
LOOP_THREADS = 6
_RESULT = "fault result"
_HAS_FAILED = pytest.StashKey[bool]()
#: For tests that use the fixture `stage`.
on_shared_stage = pytest.mark.asyncio(loop_scope="module")


def by_length(short: Value, full: Value) -> Value:
    """Return the value for the short or the full length of the tests."""
    return full if IS_FULL else short


#: For tests that `make test` leaves out, as others cause the same fault. `make test-long` and `make faults` run them.
not_in_short_run = by_length(pytest.mark.long, pytest.mark.slow)


OpenStage = Callable[..., Awaitable[Stage]]


@pytest.fixture
async def open_stage(tmp_path: Path) -> AsyncIterator[OpenStage]:
    """Return a function that starts the system on a Kafka; it is stopped after the test."""
    async with AsyncExitStack() as stages:

        async def start(
            kafka: KafkaConnection,
            *processor_options: str,
            store: LocalStore | None = None,
            archive: str | None = None,
            services: Collection[str] = (GATEWAY,),
        ) -> Stage:
            return await stages.enter_async_context(
                on_stage(kafka, tmp_path, *processor_options, store=store, archive=archive, services=services)
            )

        yield start


class SharedStage:
    """One running system for the tests of a module, each with its own phones; after a failure a new one starts."""

    def __init__(self, start: Callable[[], AbstractAsyncContextManager[Stage]]) -> None:
        self._start = start
        self._opened: AsyncExitStack | None = None
        self._stage: Stage | None = None

    async def begin_test(self) -> Stage:
        """Return the running system; start it if there is none."""
        if self._stage is not None:
            self._stage.begin_test()
            return self._stage
        async with AsyncExitStack() as opening:
            self._stage = await opening.enter_async_context(self._start())
            self._opened = opening.pop_all()
        return self._stage

    async def end_test(self, *, has_failed: bool) -> None:
        """Stop the parts of this test only; stop everything if a failure may have left the system damaged."""
        if has_failed:
            await self.close()
        elif self._stage is not None:
            await self._stage.end_test()

    async def close(self) -> None:
        """Stop the system."""
        opened, self._opened, self._stage = self._opened, None, None
        if opened is not None:
            await opened.aclose()


async def start_threads() -> None:
    """Start all threads of the loop now: tests that share the loop must not leave new threads behind."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(LOOP_THREADS))
    all_started = Barrier(LOOP_THREADS)
    await asyncio.gather(*(loop.run_in_executor(None, all_started.wait) for _ in range(LOOP_THREADS)))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_stage(
    request: pytest.FixtureRequest, kafka_distribution: Distribution, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SharedStage]:
    """The system of a module, with the services in its `SERVICES`, on the Kafka fixture in its `KAFKA`."""
    await start_threads()
    services = getattr(request.module, "SERVICES", (GATEWAY,))
    kafka = getattr(request.module, "KAFKA", "apache_kafka")
    cluster: KafkaCluster = request.getfixturevalue(kafka)

    @asynccontextmanager
    async def start() -> AsyncIterator[Stage]:
        await asyncio.to_thread(brokers.empty, cluster)
        async with on_stage(cluster.kafka, tmp_path_factory.mktemp("stage"), services=services) as stage:
            yield stage

    shared = SharedStage(start)
    yield shared
    await shared.close()
    cluster.freeze_all()


@pytest_asyncio.fixture(loop_scope="module")
async def stage(shared_stage: SharedStage, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """The module's system; a test that uses it runs on the module's event loop (`on_shared_stage`)."""
    yield await shared_stage.begin_test()
    await shared_stage.end_test(has_failed=request.node.stash.get(_HAS_FAILED, False))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    item.stash[_HAS_FAILED] = item.stash.get(_HAS_FAILED, False) or report.failed
    return report


@pytest.fixture
def one_broker(apache_kafka: KafkaCluster) -> Iterator[KafkaCluster]:
    """Apache Kafka of one broker with empty topics."""
    with brokers.ApacheBroker(apache_kafka):
        yield apache_kafka


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Return a function that checks that an audit is clean, and records its result for the table at the end.

    It also fails if a batch was rejected, unless the test sends invalid ones (`may_reject`).
    """

    def record(what: str, audit: Audit, *, may_reject: bool = False, **more: object) -> None:
        figures = {
            "phones": audit.sessions,
            "batches": audit.batches_stored,
            "windows": audit.windows_expected,
            "with a reference": audit.windows_with_reference,
            "missing": audit.missing.count,
            "differing": audit.differing.count + audit.contradicted.count,
            "out of order": audit.out_of_order.count,
            "lost batches": audit.lost_batches.count,
            "repeated predictions": audit.predictions_repeated,
            "repeated batches": audit.batches_repeated,
        }
        request.node.user_properties.append((_RESULT, {"what": what, **figures, "more": more}))
        assert audit.windows_expected > 0
        assert audit.is_clean, describe(audit)
        assert may_reject or not audit.rejected, describe(audit)

    return record


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the results of the fault tests, as rows for `docs/guarantees.md`."""
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
