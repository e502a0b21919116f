"""Personal heads that begin while phones stream and workers are killed: every window has the head of its arrival."""

import asyncio
import signal
from collections.abc import Collection

import pytest

from deploy.audit.prediction_watch import PredictionWatch
from deploy.audit.text import describe
from deploy.local_store import LocalStore
from har.personal_head import PersonalHead
from model_store.release_folder import open_release
from model_store.repository.personal_heads import LEAD_SECONDS, publish_head
from model_store.repository.storage import Storage
from tests.faults.conftest import PHONES, by_length, not_in_short_run
from tests.model_store.personal_store import head_of
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(by_length(300, 1_200)), not_in_short_run]

#: Within 45 degrees of many ways to wear a phone. A release of five classes allows no more.
AXES = [(1.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0)]
#: How many heads are published in one test at full length.
MOST_DEVICES = 20


async def publish_heads(stage, devices: Collection[str], preferred: int) -> list[PersonalHead]:
    """Publish a head for each device, which prefers one class."""
    storage, signing = Storage(stage.stack.store.url), stage.stack.store.signing
    release = open_release("baseline").manifest
    offsets = [2.0 * (number == preferred) for number in range(len(release.outputs))]
    made = [head_of(device, release.release, offsets=offsets, directions=AXES, seconds={}) for device in devices]
    return [await asyncio.to_thread(publish_head, storage, signing, head) for head in made]


async def test_heads_begin_while_workers_are_killed_and_added(one_broker, open_stage, tmp_path, report):
    stage = await open_stage(one_broker.kafka, store=LocalStore(tmp_path / "releases"))
    await stage.start_phones(PHONES)
    personal = sorted(stage.devices)[: min(PHONES // 2, MOST_DEVICES)]
    watch = PredictionWatch(one_broker.kafka)
    watch.start()
    try:
        await until(lambda: watch.wait_for_count(0, 0).predictions, "a first prediction", 60)
        first = await publish_heads(stage, personal, preferred=0)
        killing = asyncio.create_task(stage.kill_often("processor", by_length(3, 10), [signal.SIGKILL], LEAD_SECONDS))
        await asyncio.sleep(LEAD_SECONDS)
        joining = asyncio.create_task(stage.stack.start_processor(2))
        second = await publish_heads(stage, personal[1:], preferred=1)
        await joining
        await killing
        numbers = {head.number for head in first + second}
        await until(lambda: numbers <= used(watch), lambda: f"heads {numbers - used(watch)} to be used", 120)
        await stage.stop_phones()
    finally:
        watch.close()
    audit = await stage.audit(with_heads=True)
    report("personal heads that begin while workers are killed", audit, with_a_head=audit.windows_with_head)
    assert audit.windows_with_head > 0
    assert not any(finding.count for finding in audit.remarks.values()), describe(audit)


def used(watch: PredictionWatch) -> set[int | None]:
    """Return the numbers of the heads that predictions name."""
    return {made.personal for made in list(watch.wait_for_count(0, 0).predictions.values())}
