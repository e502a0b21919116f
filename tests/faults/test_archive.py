"""Gateways and archivers killed under load, and a full disk: the archive has everything acknowledged."""

import asyncio
import os
import signal
import subprocess

import numpy as np
import pytest

from deploy.stack import har
from ingest.archive.location import Location
from ingest.archive.table_kinds import SAMPLES
from ingest.archive.tables import ArchiveTable
from ingest.senders.journal import read_journals
from tests.faults.conftest import PHONES, by_length
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(by_length(400, 3_600))]

KILLS = by_length(3, 50)


#: How long the archiver may take to catch up after it was away, s.
CATCH_UP_SECONDS = 240


async def assert_archive_equals_kafka(stage) -> None:
    """Check with `har archive verify` that the archive equals Kafka, as far as it reaches.

    It need not reach the end: for silent phones the processor writes copies again and again.
    """
    words = ("archive", "verify", "--archive", stage.stack.archive, "--bootstrap", stage.kafka.bootstrap)
    run = await asyncio.to_thread(subprocess.run, har(*words), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert int(run.stdout.split()[2]) > 0, run.stdout


def archived(stage):
    """Return the archived readings by device and session, in order of time."""
    table = ArchiveTable(Location(stage.stack.archive), SAMPLES).delta.to_pyarrow_table(
        columns=["device", "session", "t", "x", "y", "z"]
    )
    names = np.array([f"{d}/{s}" for d, s in zip(*(table[n].to_pylist() for n in ("device", "session")), strict=True)])
    times = table["t"].to_numpy()
    axes = np.stack([table[axis].to_numpy() for axis in "xyz"], axis=1)
    found = {}
    for name in np.unique(names):
        rows = np.flatnonzero(names == name)
        rows = rows[np.argsort(times[rows], kind="stable")]
        found[str(name)] = times[rows], axes[rows]
    return found


async def assert_acknowledged_readings_are_archived_once(stage) -> None:
    """Wait until the archive has every reading of the phones' journals, once and unchanged."""
    acknowledged = [recording for recording, _ in read_journals(stage.journals)]
    assert sum(len(recording.times) for recording in acknowledged) > 0
    missing: list[str] = []

    async def complete():
        nonlocal missing
        found = await asyncio.to_thread(archived, stage)
        missing = [recording.device for recording in acknowledged if not is_in(found, recording)]
        return None if missing else found

    found = await until(complete, lambda: f"readings of {missing} in the archive", CATCH_UP_SECONDS, every=2)
    for recording in acknowledged:
        times, axes = found[f"{recording.device}/{recording.session}"]
        assert (np.diff(times) > 0).all(), "a reading is archived twice"
        assert np.array_equal(axes[np.searchsorted(times, recording.times)], recording.axes)


def is_in(found, recording) -> bool:
    name = f"{recording.device}/{recording.session}"
    return name in found and bool(np.isin(recording.times, found[name][0]).all())


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
def small_disk(tmp_path):
    """A folder on a file system of 3 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder], check=False)
    if mounted.returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


async def test_a_full_disk_at_the_archiver_loses_nothing(one_broker, open_stage, small_disk):
    filler = small_disk / "filler"
    filler.write_bytes(os.urandom(2_700_000))
    stage = await open_stage(one_broker.kafka, archive=str(small_disk / "archive"))
    await stage.start_phones(by_length(10, 10))
    await until(lambda: "no space" in (stage.folder / "log").read_text().lower(), "a full disk", 120)
    await asyncio.sleep(5)
    filler.unlink()
    await asyncio.sleep(by_length(5, 30))
    await stage.stop_phones()
    await assert_acknowledged_readings_are_archived_once(stage)
    await assert_archive_equals_kafka(stage)
