"""Gateways and archivers killed under load, and a full disk: the archive has everything acknowledged."""

import asyncio
import os
import signal

import pytest

from tests.faults.archive_checks import assert_acknowledged_readings_are_archived_once, assert_archive_equals_kafka
from tests.faults.conftest import PHONES, by_length, not_in_short_run
from tests.small_disk import small_disk
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(by_length(400, 3_600))]

KILLS = by_length(3, 50)


@not_in_short_run  # tests/ingest/archive/test_crashes.py kills archivers, tests/faults/test_surroundings.py gateways
async def test_nothing_acknowledged_is_missing_after_kills_of_gateway_and_archiver(one_broker, open_stage, tmp_path):
    stage = await open_stage(one_broker.kafka, archive=str(tmp_path / "archive"))
    await stage.start_phones(PHONES)
    await asyncio.gather(
        stage.kill_often("gateway", KILLS, [signal.SIGKILL], by_length(3, 10)),
        stage.kill_often("archiver", KILLS, [signal.SIGKILL], by_length(3, 10)),
    )
    await stage.stop_phones()
    await assert_acknowledged_readings_are_archived_once(stage)
    await assert_archive_equals_kafka(stage)


@pytest.fixture
def disk(tmp_path):
    """A folder on a file system of 3 MB."""
    with small_disk(tmp_path / "small", "3m") as folder:
        yield folder


@not_in_short_run  # tests/ingest/archive/test_crashes.py fills the disk of an archiver
async def test_a_full_disk_at_the_archiver_loses_nothing(one_broker, open_stage, disk):
    filler = disk / "filler"
    filler.write_bytes(os.urandom(by_length(2_950_000, 2_700_000)))
    stage = await open_stage(one_broker.kafka, archive=str(disk / "archive"))
    await stage.start_phones(10)
    await until(lambda: "no space" in (stage.folder / "log").read_text().lower(), "a full disk", 120)
    await asyncio.sleep(by_length(2, 5))
    filler.unlink()
    await asyncio.sleep(by_length(5, 30))
    await stage.stop_phones()
    await assert_acknowledged_readings_are_archived_once(stage)
    await assert_archive_equals_kafka(stage)
