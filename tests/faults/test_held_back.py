"""A device that holds back the commit of its partition, among many that continue."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError

from har import topics
from har.assembly import SessionWindows
from har.windowing import WindowSpec
from tests.batches import live_batches
from tests.faults.conftest import by_length, not_in_short_run
from tests.faults.sending import direct_sender
from tests.waiting import until, wait_for

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(by_length(300, 900))]

DEVICES = by_length(20, 200)
BEFORE_SILENCE = 8


def committed(admin: KafkaAdminClient, group: str, partition: int, seconds: float = 30) -> int:
    def groups() -> dict | None:
        # A new broker creates the topic of commits with the first group, and one that was frozen loads it.
        with suppress(CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError):
            return {group: {}} | admin.list_group_offsets(group)
        return None

    offsets = wait_for(groups, f"a broker that knows the commits of {group}", seconds, every=0.1)[group]
    known = offsets.get(TopicPartition(topics.SAMPLES.name, partition))
    return known.offset if known is not None else -1


def first_held(batches, offsets: list[int]) -> int:
    session = SessionWindows(WindowSpec())
    for batch, offset in zip(batches, offsets, strict=True):
        session.add(batch, offset)
    return session.held_batches[0][1]


@pytest.mark.parametrize("carry_seconds", [3_600, pytest.param(1, marks=not_in_short_run)])
async def test_no_commit_passes_the_held_batches_of_a_silent_device(one_broker, open_stage, report, carry_seconds):
    group = f"new-group-{carry_seconds}"
    stage = await open_stage(one_broker.kafka, "--group", group, "--carry-seconds", str(carry_seconds), services=())
    rounds = 50
    plain = live_batches(rounds)
    silent = [replace(batch, device="silent") for batch in plain]
    others = [[replace(batch, device=f"other-{n:03}") for n in range(DEVICES - 1)] for batch in plain]
    admin = KafkaAdminClient(bootstrap_servers=[one_broker.bootstrap])
    with direct_sender(one_broker.bootstrap) as sender:
        places = []
        for own, row in zip(silent[:BEFORE_SILENCE], others, strict=False):
            middle = len(row) // 2
            await sender.send_batches(row[:middle])
            places += await sender.send_batches([own])
            await sender.send_batches(row[middle:])
        (partition,) = {partition for partition, _ in places}
        held = first_held(silent[:BEFORE_SILENCE], [offset for _, offset in places])
        for row in others[BEFORE_SILENCE:]:
            await sender.send_batches(row)
            if carry_seconds > 60:
                assert committed(admin, group, partition) <= held
            await asyncio.sleep(0.1)
        if carry_seconds > 60:
            await until(lambda: committed(admin, group, partition) == held, "the commit to reach the held batches")
        else:
            await until(lambda: committed(admin, group, partition) > held, "the commit to advance after the copies")
        await stage.kill("processor")
        await sender.send_batches(silent[BEFORE_SILENCE:])
    admin.close()
    stage.journals = None
    audit = await stage.audit(wait_seconds=60)
    report(f"one of {DEVICES} devices holds back, carried after {carry_seconds} s", audit)
    assert (audit.batches_repeated > 0) == (carry_seconds < 60)
