"""Killed archivers, two archivers at once, and failing storage lose nothing and duplicate nothing."""

import logging
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from har import topics
from ingest.archive.compaction import compact
from ingest.archive.location import Location
from ingest.archive.table_kinds import SAMPLES
from ingest.archive.tables import ArchiveTable
from ingest.archive.upkeep import remove_files
from tests.brokers import APACHE, EMBEDDED, on_one_broker
from tests.ingest.archive.archived import Archive, make_label, noon_batches
from tests.small_disk import small_disk
from tests.waiting import wait_for

pytestmark = pytest.mark.slow
KILLS = 12


@contextmanager
def sending(archive: Archive) -> Iterator[None]:
    """Send batches and labels of some phones while the context is open, some of them twice."""
    stop = threading.Event()

    def send() -> None:
        chance = random.Random(1)
        phones = {f"phone-{number}": noon_batches(3_000, device=f"phone-{number}") for number in range(3)}
        sent = 0
        with archive.kept_producer():
            while not stop.is_set() and sent < 2_990:
                for device, batches in phones.items():
                    again = batches[max(0, sent - 20) : sent : 7] if chance.random() < 0.2 else []
                    archive.send([*again, *batches[sent : sent + 2]])
                    archive.send_labels(make_label("walk", sent, device=device))
                sent += 2
                stop.wait(0.05)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("broker", [pytest.param(EMBEDDED, marks=pytest.mark.long), APACHE], indirect=True)
def test_archivers_killed_at_random_moments_lose_nothing_and_duplicate_nothing(archive):
    chance = random.Random(2)
    archive.table()  # creates the table, so that it can be read from the beginning
    with sending(archive):
        for _ in range(KILLS):
            before = archive.covered()[topics.SAMPLES.name]
            with archive.forked(flush_seconds=0.05, upkeep_seconds=0.2, compact_files=3):
                # Most are killed after their first commit, some before.
                if chance.random() < 0.75:
                    wait_for(lambda before=before: archive.covered()[topics.SAMPLES.name] > before, "a commit", 60)
                time.sleep(chance.random() * 0.7)
    archive.collect()
    samples, labels = archive.check()
    assert samples.behind == labels.behind == 0
    assert samples.compared > 50
    assert samples.repeats


def test_two_archivers_at_once_duplicate_nothing(archive, caplog):
    caplog.set_level(logging.INFO, "ingest.archive")
    with sending(archive), archive.running(flush_seconds=0.3), archive.running(flush_seconds=0.4):
        # Each sometimes finds that the other has committed first.
        wait_for(
            lambda: sum("uncommitted messages again" in record.message for record in caplog.records) >= 5,
            "five conflicts of commits",
            60,
        )
        wait_for(lambda: archive.rows().num_rows > 5_000, "5000 readings", 60)
    archive.collect()
    samples, _ = archive.check()
    assert samples.compared > 20


@on_one_broker
def test_compaction_while_an_archiver_runs_loses_nothing(archive):
    with sending(archive), archive.running(flush_seconds=0.05):
        done = 0
        while done < 3:
            location = Location(archive.path)
            with location.exclusive():
                done += compact(ArchiveTable(location, SAMPLES), 1)
    archive.collect()
    archive.check()


@on_one_broker
def test_a_full_disk_loses_nothing_and_the_log_explains_what_to_do(broker, tmp_path):
    with small_disk(tmp_path / "disk", "2m") as disk:
        archive = Archive(broker.bootstrap, str(disk / "archive"))
        archive.send(noon_batches(20))
        archive.collect()
        with archive.start() as process:
            filler = disk / "filler"
            with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
                while True:
                    file.write(os.urandom(4_096))
            archive.send(noon_batches(200, device="phone-2"))
            for line in process.stderr:
                if "the disk is full" in line:
                    break
            assert "free some space" in line
            assert "Nothing is lost" in line
            assert archive.rows().num_rows == 1_000  # half-written files are not part of the table
            archive.send(noon_batches(20, device="phone-3"))
            filler.unlink()
            archive.wait_until_covered(seconds=60)
            process.terminate()
            process.communicate(timeout=30)
        archive.check()
        assert archive.rows().num_rows == 12_000
        counting = set(archive.table().delta.file_uris())
        remove_files(archive.table())
        with archive.table().location.exclusive():
            archive.table().vacuum(0)
        left = {str(file) for file in disk.rglob("samples/day=*/*")}
        assert left == counting


@on_one_broker
def test_unfinished_files_of_a_killed_writer_are_removed(archive):
    archive.send(noon_batches(2))
    archive.collect()
    (file,) = archive.table().delta.file_uris()
    begun = Path(file).with_name("part-00000-1234.parquet#1")
    begun.write_bytes(b"half")
    remove_files(archive.table())
    assert not begun.exists()
    assert Path(file).exists()
