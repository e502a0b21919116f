"""The topic of readings is extended, deleted and created anew while phones stream."""

import asyncio

import pytest

from deploy.topics import create_topics
from har import topics
from tests.brokers import PARTITIONS, administer
from tests.faults.archive_checks import assert_archive_equals_kafka, until_the_topic_is_archived
from tests.faults.conftest import IS_FULL, by_length, not_in_short_run
from tests.faults.stage import FreshPredictions
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(by_length(300, 1_800))]

PHONES = by_length(8, 50)
ADDED = 2
#: Longest time until a change of the topic is noticed, s: the age of metadata, a rebalance, and a busy machine.
NOTICED_SECONDS = 30


async def until_health(stage, is_right, what):
    report = None

    async def is_reached():
        nonlocal report
        report = await asyncio.to_thread(stage.health)
        return is_right(report)

    await until(is_reached, lambda: f"{what}; it is {report}", NOTICED_SECONDS, every=0.2)


# Each part of the system alone: tests/stream_processor/test_log_changes.py, tests/ingest/archive/test_archiving.py.
@not_in_short_run
async def test_a_topic_that_is_extended_deleted_and_created_anew_is_read_whole(one_broker, open_stage, tmp_path):
    samples, kafka = topics.SAMPLES.name, one_broker.kafka
    stage = await open_stage(kafka, archive=str(tmp_path / "archive"))
    await stage.start_phones(PHONES)
    with FreshPredictions(stage) as predictions:
        await predictions.wait_for_more(0)
        administer(kafka, lambda admin: admin.create_partitions({samples: PARTITIONS + ADDED}))
        await until_health(stage, lambda health: len(health.partitions) == PARTITIONS + ADDED, "new partitions")
        administer(kafka, lambda admin: admin.delete_topics([samples]))
        await until_health(stage, lambda health: "no topic" in (health.reason or ""), "a reason not to be ready")
        await asyncio.to_thread(create_topics, kafka, partitions=PARTITIONS, replication=1)
        await until_health(stage, lambda health: health.ready and len(health.partitions) == PARTITIONS, "the topic")
        if IS_FULL:
            await predictions.wait_for_every_device()
        # Again, so quickly that nobody sees it missing.
        administer(kafka, lambda admin: admin.delete_topics([samples]))
        await asyncio.to_thread(create_topics, kafka, partitions=PARTITIONS, replication=1)
        await predictions.wait_for_every_device()
    await asyncio.sleep(by_length(0, 60))
    await stage.stop_phones()
    stage.journals = None  # they list what was deleted
    audit = await stage.audit()
    faults = {name: found for name, found in audit.faults.items() if found.count}
    assert audit.windows_expected > 0
    assert faults.keys() <= {"windows extra"}, faults  # of the readings that were deleted
    assert not audit.rejected
    await until_the_topic_is_archived(stage)
    await assert_archive_equals_kafka(stage)
    assert [stage.part(name).starts for name in ("processor", "archiver", "gateway")] == [1, 1, 1]
