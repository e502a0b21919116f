"""Processors that are killed, added, removed and frozen."""

import asyncio
import signal
import statistics
import time
from collections import Counter

import pytest

from tests.faults.conftest import PHONES, by_length, not_in_short_run, on_shared_stage
from tests.faults.stage import FreshPredictions

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(by_length(300, 2_400)), on_shared_stage]

#: The processor's default, s: how long a killed worker still counts as a member of its group.
SESSION_TIMEOUT_SECONDS = 6.0


@pytest.mark.parametrize(
    ("signals", "times"),
    [
        pytest.param([signal.SIGKILL], by_length(4, 30), id="SIGKILL"),
        pytest.param(
            [signal.SIGTERM, signal.SIGINT], by_length(4, 50), id="SIGTERM-and-SIGINT", marks=not_in_short_run
        ),
    ],
)
async def test_nothing_is_lost_if_a_worker_ends_at_random_moments(stage, report, signals, times):
    await stage.start_phones(PHONES)
    statuses = await stage.kill_often("processor", times, signals, by_length(5, 10))
    await stage.stop_phones()
    names = " and ".join(number.name for number in signals)
    report(f"a worker ended {times} times by {names}", await stage.audit(), exit_statuses=dict(Counter(statuses)))


@not_in_short_run  # the other tests here kill workers; tests/faults/test_release_changes.py adds one
async def test_workers_are_added_and_removed_and_killed_meanwhile(stage, report):
    await stage.start_phones(PHONES)
    for _ in range(by_length(1, 5)):
        await asyncio.sleep(by_length(2, 5))
        for number in (2, 3):
            joining = asyncio.create_task(stage.stack.start_processor(number))
            await stage.until_rebalancing()  # because of the new member
            await stage.kill("processor")
            await joining
        await asyncio.sleep(stage.random.uniform(0.1, 5))
        await stage.kill("processor-2")
        await asyncio.sleep(stage.random.uniform(2, 4))
        await stage.kill("processor-2")  # while it recovers
        for number in (3, 2):
            await stage.group.stop(stage.part(f"processor-{number}"))
            await asyncio.sleep(stage.random.uniform(0.1, 2))
    await asyncio.sleep(by_length(2, 10))
    await stage.stop_phones()
    report("workers 1 to 3 to 1, killed during rebalances and recovery", await stage.audit())


@not_in_short_run  # tests/stream_processor/test_log_changes.py joins anew, the others here kill workers
async def test_a_worker_that_resumes_after_its_session_ended_does_no_harm(stage, report):
    await stage.start_phones(PHONES)
    await stage.stack.start_processor(2)
    process = stage.part("processor").process
    with FreshPredictions(stage) as predictions:
        for _ in range(by_length(1, 5)):
            await asyncio.sleep(by_length(2, 5))
            with stage.frozen("processor"):
                await asyncio.sleep(SESSION_TIMEOUT_SECONDS + by_length(3, 6))
                await predictions.wait_for_every_device()  # the other worker has all partitions
    await asyncio.sleep(by_length(3, 10))
    assert stage.part("processor").process is process  # it did not restart
    await stage.stop_phones()
    report("a worker frozen beyond its session timeout, then resumed", await stage.audit())


async def test_a_killed_worker_predicts_again_soon(stage, report):
    await stage.start_phones(PHONES)
    recoveries = []
    with FreshPredictions(stage) as predictions:
        for _ in range(by_length(2, 15)):
            await predictions.wait_for_more(predictions.count)
            await asyncio.sleep(stage.random.uniform(0.5, 3))
            await stage.kill("processor")
            began = time.monotonic()
            await asyncio.sleep(0.5)  # what it sent before is read by now
            await predictions.wait_for_more(predictions.count)
            recoveries.append(round(time.monotonic() - began, 1))
    await stage.stop_phones()
    median = statistics.median(recoveries)
    report(
        "recovery of a killed worker",
        await stage.audit(),
        seconds_to_the_first_new_prediction=recoveries,
        median=median,
        session_timeout=SESSION_TIMEOUT_SECONDS,
    )
    assert median < 15
