"""What an archive must hold after a fault."""

import asyncio
import subprocess

import numpy as np

from deploy.stack import har
from ingest.archive.location import Location
from ingest.archive.table_kinds import SAMPLES
from ingest.archive.tables import ArchiveTable
from ingest.senders.journal import read_journals
from tests.waiting import until

#: How long the archiver may take to catch up after it was away, s.
CATCH_UP_SECONDS = 240


async def assert_archive_equals_kafka(stage) -> None:
    """Check with `har archive verify` that the archive equals Kafka, as far as it reaches.

    It need not reach the end: for silent phones the processor writes copies again and again.
    """
    run = await _verify(stage)
    assert run.returncode == 0, run.stdout + run.stderr
    assert int(run.stdout.split()[2]) > 0, run.stdout


async def until_the_topic_is_archived(stage) -> None:
    """Wait until the archiver has committed that the topic of readings is the present one."""

    async def is_known():
        return "is not the topic that was archived" not in (await _verify(stage)).stderr

    await until(is_known, "the archiver to commit the identity of the topic", every=1)


async def _verify(stage) -> subprocess.CompletedProcess[str]:
    words = ("archive", "verify", "--archive", stage.stack.archive, "--bootstrap", stage.kafka.bootstrap)
    return await asyncio.to_thread(subprocess.run, har(*words), capture_output=True, text=True, check=False)


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
