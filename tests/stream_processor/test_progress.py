import asyncio
import faulthandler
import itertools

import pytest
from msgspec.structs import replace

from stream_processor.health import EXIT_SECONDS, Health, StalledError, Watchdog
from stream_processor.progress import PartitionProgress, StallWatch

CAUGHT_UP = PartitionProgress(
    "samples/0", begin=0, end=50, taken_until=50, acknowledged_until=45, committed=45, held=5, confirmed=9
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("due", "progressed", "stage"),
    [
        ({"end": 60}, {"end": 60, "taken_until": 51}, "reading"),
        ({"unconfirmed": 2}, {"unconfirmed": 2, "confirmed": 10}, "publishing"),
        ({"acknowledged_until": 48}, {"acknowledged_until": 48, "committed": 46}, "committing"),
    ],
)
def test_something_due_without_progress_is_stalled(due, progressed, stage):
    clock = Clock()
    watch = StallWatch(60, clock=clock)
    stuck = replace(CAUGHT_UP, **due)
    assert watch.observe(stuck.due()) == []
    clock.now = 59
    assert watch.observe(stuck.due()) == []
    assert watch.observe(replace(CAUGHT_UP, **progressed).due()) == []  # progress: the time starts again
    clock.now = 118
    assert watch.observe(replace(CAUGHT_UP, **progressed).due()) == []
    clock.now = 120
    (stall,) = watch.observe(replace(CAUGHT_UP, **progressed).due())
    assert (stall.what, stall.stage) == ("samples/0", stage)


def test_held_events_are_not_a_stall():
    clock = Clock()
    watch = StallWatch(60, clock=clock)
    for now in range(0, 600, 10):
        clock.now = now
        assert watch.observe(CAUGHT_UP.due()) == []


@pytest.mark.parametrize(
    "progress",
    [
        PartitionProgress("samples/0", begin=100, end=100, committed=95),  # the held messages have expired
        PartitionProgress("samples/0", begin=0, end=0),
        PartitionProgress("samples/0", end=10),
    ],
)
def test_a_partition_with_nothing_to_read_is_not_a_stall(progress):
    assert list(progress.due()) == []


@pytest.mark.parametrize(
    "progress",
    [
        PartitionProgress("samples/0", begin=0, end=1_000),  # nothing was ever read or committed
        PartitionProgress("samples/0", begin=0, end=50, committed=1_000),  # the topic was deleted and created again
    ],
)
def test_a_partition_that_cannot_be_read_is_a_stall(progress):
    assert [due.stage for due in progress.due()] == ["reading"]


async def test_an_unresponsive_kafka_ends_the_worker(process):
    health = Health(0.2, list, lambda: True, lambda: 7, Watchdog())
    async with asyncio.timeout(10):
        await health.watch(process.give_up)
    assert "Kafka answering" in str(process.errors[0])


def test_a_revoked_partition_is_forgotten():
    clock = Clock()
    watch = StallWatch(60, clock=clock)
    watch.observe(replace(CAUGHT_UP, end=60).due())
    watch.observe([])
    clock.now = 61
    assert watch.observe(replace(CAUGHT_UP, end=60).due()) == []


def answers():
    """Count the answers of a Kafka that always answers."""
    return itertools.count().__next__


class Process:
    """Stands in for the process that a watchdog would end."""

    def __init__(self) -> None:
        self.timeouts: list[float] = []
        self.errors: list[BaseException] = []

    async def give_up(self, error: BaseException) -> None:
        self.errors.append(error)


@pytest.fixture
def process(monkeypatch) -> Process:
    process = Process()
    monkeypatch.setattr(faulthandler, "dump_traceback_later", lambda seconds, exit: process.timeouts.append(seconds))
    return process


@pytest.fixture(autouse=True)
def frequent_checks(monkeypatch):
    monkeypatch.setattr("stream_processor.health.CHECK_SECONDS", 0.01)


async def test_a_stalled_partition_ends_the_worker(process):
    stuck = replace(CAUGHT_UP, end=60)
    health = Health(0.2, lambda: [stuck], lambda: True, answers(), Watchdog())
    assert health.report().ready
    async with asyncio.timeout(10):
        await health.watch(process.give_up)
    assert isinstance(process.errors[0], StalledError)
    assert "samples/0 reading" in str(process.errors[0])
    assert process.timeouts[-1] == EXIT_SECONDS
    report = health.report()
    assert (report.alive, report.ready) == (False, False)
    assert report.partitions == [stuck]


async def test_a_worker_that_never_gets_an_assignment_ends(process):
    health = Health(0.2, list, lambda: False, answers(), Watchdog())
    async with asyncio.timeout(10):
        await health.watch(process.give_up)
    assert "the consumer group joining" in str(process.errors[0])


async def test_a_worker_with_progress_continues_and_has_time_to_exit(process):
    health = Health(0.2, lambda: [CAUGHT_UP], lambda: True, answers(), Watchdog())
    watching = asyncio.create_task(health.watch(process.give_up))
    await asyncio.sleep(0.5)
    assert health.report().alive
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert process.errors == []
    assert set(process.timeouts[:-1]) == {0.2}  # reset at each check
    assert process.timeouts[-1] == EXIT_SECONDS


async def test_the_watchdog_cannot_be_reset_once_the_worker_is_exiting(process):
    watchdog = Watchdog()
    watchdog.reset(60)
    watchdog.begin_exit()
    watchdog.reset(60)
    watchdog.begin_exit()
    assert process.timeouts == [60, EXIT_SECONDS]


@pytest.mark.parametrize(
    ("partitions", "is_member", "missing", "expected"),
    [
        ([CAUGHT_UP], True, None, (True, None, False)),
        ([], False, None, (False, "the worker is joining its consumer group", False)),
        ([], True, "Kafka has no topic samples", (False, "Kafka has no topic samples", False)),
        ([], True, None, (True, None, True)),  # more workers than partitions
    ],
)
def test_a_worker_is_ready_if_its_group_has_partitions(partitions, is_member, missing, expected):
    health = Health(0.2, lambda: partitions, lambda: is_member, answers(), Watchdog(), nothing_to_read=lambda: missing)
    report = health.report()
    assert (report.ready, report.reason, report.spare) == expected
    assert report.alive


async def test_a_stalled_worker_states_what_is_stalled(process):
    health = Health(0.2, lambda: [replace(CAUGHT_UP, end=60)], lambda: True, answers(), Watchdog())
    async with asyncio.timeout(10):
        await health.watch(process.give_up)
    assert "samples/0 reading (stalled" in (health.report().reason or "")
