"""Compaction, retention, forgetting and verification."""

import time
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from har.process.kafka_connection import KafkaConnection
from har.rejections import RejectedMessage
from har.samples import in_order_batch
from ingest.archive.compaction import compact
from ingest.archive.forgetting import forget
from ingest.archive.state import StateChange
from ingest.archive.table_kinds import LABELS, SAMPLES
from ingest.archive.verification import verify
from tests.brokers import on_one_broker
from tests.ingest.archive.archived import make_label, noon_batches
from tests.waiting import wait_for

pytestmark = pytest.mark.slow
DAY_US = 86_400_000_000


def commits(archive, *, devices=("b", "a"), rounds=4) -> None:
    for number in range(rounds):
        for device in devices:
            archive.send(noon_batches(3, device=device, session=f"s{number}"))
        archive.send_labels(*(make_label("walk", number, device=device) for device in devices))
        archive.collect()


@on_one_broker
@pytest.mark.parametrize("rows_at_a_time", [100, 10**6])
def test_compaction_sorts_rows_also_if_not_all_fit_into_memory(archive, monkeypatch, rows_at_a_time):
    monkeypatch.setattr("ingest.archive.compaction.SORTED_ROWS", rows_at_a_time)
    commits(archive, devices=("b", "c", "a"), rounds=2)
    before = archive.rows()
    assert compact(archive.table(), 1) == 1
    (file,) = archive.table().delta.file_uris()
    rows = pq.read_table(file, partitioning=None).to_pylist()
    runs = [(device, list(run)) for device, run in groupby(rows, lambda row: row["device"])]
    devices = [device for device, _ in runs]
    assert sorted(devices) == ["a", "b", "c"]
    assert devices == sorted(devices) or rows_at_a_time < len(rows)
    for _, run in runs:
        keys = [(row["session"], row["t"]) for row in run]
        assert keys == sorted(keys)
    assert archive.rows().equals(before)
    archive.check()


@on_one_broker
def test_compaction_writes_the_same_rows_sorted_to_fewer_files_and_keeps_the_old_files_for_readers(archive, har):
    commits(archive)
    before = archive.rows(), archive.labels()
    old = archive.table().delta.file_uris()
    assert len(old) >= 4
    run = har.call("archive", "compact", "--archive", archive.path)
    assert run.status == 0, run.err
    assert "day(s) compacted" in run.out
    assert archive.rows().equals(before[0])
    assert archive.labels().equals(before[1])
    new = archive.table().delta.file_uris()
    assert len(new) < len(old)
    for file in new:
        rows = pq.read_table(file, columns=["device", "session", "t"]).to_pylist()
        keys = [(row["device"], row["session"], row["t"]) for row in rows]
        assert keys == sorted(keys)
    assert all(Path(file).exists() for file in old)
    archive.check()
    archive.send(noon_batches(3, device="c"))
    archive.collect()
    archive.check()


@on_one_broker
def test_a_log_that_another_program_has_cleaned_up_is_rejected(archive):
    commits(archive, rounds=2)
    table = archive.table().delta
    table.alter.set_table_properties({"delta.logRetentionDuration": "interval 0 seconds"})
    table.create_checkpoint()
    table.cleanup_metadata()
    with pytest.raises(OSError, match="another program has cleaned it up"):
        archive.collect()


@on_one_broker
@pytest.mark.parametrize("newer", [1, 2])
def test_the_state_that_is_read_is_that_of_the_rows_although_the_archiver_goes_on(archive, newer):
    commits(archive, rounds=2)
    table = archive.table()
    before = list(table.state_changes())
    commits(archive, devices=("c",), rounds=newer)
    assert archive.table().version > table.version
    assert list(table.state_changes()) == before
    assert list(archive.table().state_changes())[-len(before) :] == before


@on_one_broker
def test_a_running_archiver_compacts(archive):
    commits(archive, rounds=6)
    with archive.running(upkeep_seconds=0.1, compact_files=2):
        wait_for(lambda: len(archive.table().delta.file_uris()) <= 2, "the files to be compacted")
    archive.check()


@on_one_broker
def test_a_day_whose_rows_cannot_all_be_read_is_not_changed(archive, monkeypatch):
    commits(archive, rounds=2)
    before = archive.rows()
    monkeypatch.setattr("ingest.archive.compaction._rows_by_device", lambda *_: {"a": 1})
    with pytest.raises(Exception, match="were read"):
        compact(archive.table(), 1)
    assert archive.rows().equals(before)


@on_one_broker
def test_old_days_are_deleted_and_verification_ignores_them(archive):
    now = time.time_ns() // 1000
    for age in range(5):
        times = now - age * DAY_US + np.arange(50) * 20_000
        archive.send([in_order_batch("a", f"s{age}", 0, times, np.ones((50, 3), np.float32), earlier_until=0)])
        archive.send_labels(make_label("walk", 0, device="a", session=f"s{age}", begin=int(times[0])))
    archive.collect()
    assert archive.rows().num_rows == 250
    archive.send(noon_batches(1, device="b"))
    archive.collect(keep_days=2)
    assert set(archive.rows().filter(np.array(archive.rows()["device"]) == "a")["session"].to_pylist()) == {
        "s0",
        "s1",
        "s2",
    }
    assert archive.labels().num_rows == 3
    samples, labels = archive.check()
    assert (samples.kept_out, labels.kept_out) == (2, 2)


def texts_on_disk(folder: Path) -> bytes:
    """Return the contents of all files of an archive, with the decoded values of Parquet files."""
    found = []
    for file in folder.rglob("*"):
        if file.is_file():
            found.append(file.read_bytes())
            if file.suffix == ".parquet":
                found += [str(pq.read_table(file, partitioning=None).to_pylist()).encode()]
                found += [str(pq.read_metadata(file).to_dict()).encode()]
    return b"\n".join(found)


@pytest.mark.parametrize("compacted", [False, True], ids=["", "compacted"])
def test_a_forgotten_device_leaves_no_byte_and_does_not_come_back_from_kafka(archive, compacted):
    commits(archive, devices=("keep-me", "forget-me"), rounds=3)
    if compacted:
        compact(archive.table(), 1)
        commits(archive, devices=("forget-me",), rounds=1)
    folder = Path(archive.path)
    (next(folder.glob("samples/day=*")) / "part-7.parquet#3").write_bytes(b"forget-me, unfinished")
    assert b"forget-me" in texts_on_disk(folder)
    archive.send(noon_batches(2, device="forget-me", session="not-archived-yet"))
    kept = archive.rows().filter(np.array(archive.rows()["device"]) == "keep-me")
    done = forget(archive.path, "forget-me")
    assert done.readings >= 450
    assert done.labels >= 3
    assert done.files
    assert b"forget-me" not in texts_on_disk(folder)
    assert archive.rows().equals(kept)

    archive.send(noon_batches(3, device="forget-me", session="s0"))  # a phone sends the same batches again
    archive.collect()
    assert archive.rows().equals(kept)
    assert set(archive.labels()["device"].to_pylist()) == {"keep-me"}
    archive.check()
    assert b"forget-me" not in texts_on_disk(folder)

    begin = time.time_ns() // 1000
    back = in_order_batch(
        "forget-me", "new", 0, begin + np.arange(50) * 20_000, np.ones((50, 3), np.float32), earlier_until=0
    )
    archive.send([back])
    archive.collect()
    assert set(archive.rows()["session"].to_pylist()) >= {"new"}
    archive.check()
    assert forget(archive.path, "forget-me").readings == 50
    assert forget(archive.path, "forget-me").readings == 0
    assert b"forget-me" not in texts_on_disk(folder)


def test_a_device_is_forgotten_while_an_archiver_runs(archive):
    with archive.running(flush_seconds=0.1):
        archive.send([*noon_batches(20, device="keep-me"), *noon_batches(20, device="forget-me")])
        archive.wait_until_covered()
        archive.send([*noon_batches(20, device="keep-me", session="s2"), *noon_batches(20, device="forget-me")])
        forget(archive.path, "forget-me")
        archive.send(noon_batches(5, device="keep-me", session="s3"))
        archive.wait_until_covered()
    assert set(archive.rows()["device"].to_pylist()) == {"keep-me"}
    assert archive.rows().num_rows == 45 * 50
    assert b"forget-me" not in texts_on_disk(Path(archive.path))
    archive.check()


@on_one_broker
def test_a_device_can_be_forgotten_before_there_is_an_archive(archive):
    archive.send(noon_batches(2, device="forget-me"))
    assert forget(archive.path, "forget-me").readings == 0
    archive.collect()
    assert not archive.rows().num_rows


def test_an_invalid_device_name_is_rejected_before_anything_is_deleted(tmp_path):
    with pytest.raises(RejectedMessage):
        forget(str(tmp_path / "archive"), "x' OR '1' = '1")
    assert not (tmp_path / "archive").exists()


def tampered(archive, change) -> None:
    table = archive.table()
    rows = change(table.delta.to_pyarrow_dataset().to_table()).cast(SAMPLES.schema)
    (day,) = set(map(str, rows["day"].to_pylist()))
    table.replace_day(day, rows.to_reader())


def one_bit(rows: pa.Table) -> pa.Table:
    x = rows["x"].to_numpy().copy()
    x.view(np.uint32)[7] ^= 1
    return rows.set_column(rows.schema.get_field_index("x"), SAMPLES.schema.field("x"), pa.array(x))


def renamed(rows: pa.Table) -> pa.Table:
    sessions = ["s9" if sequence == 1 else "s1" for sequence in rows["sequence"].to_pylist()]
    return rows.set_column(rows.schema.get_field_index("session"), SAMPLES.schema.field("session"), pa.array(sessions))


@on_one_broker
@pytest.mark.parametrize(
    ("change", "missing", "differing", "unknown"),
    [
        (one_bit, 0, 1, 0),
        (lambda rows: rows.slice(1), 0, 1, 0),
        (lambda rows: pa.concat_tables([rows, rows.slice(0, 50)]), 0, 1, 0),
        (lambda rows: rows.filter(np.array(rows["sequence"]) != 1), 1, 0, 0),
        (renamed, 1, 0, 1),
    ],
    ids=["a bit", "a row less", "a batch twice", "a batch less", "a batch of another session"],
)
def test_verification_finds_what_differs(archive, har, change, missing, differing, unknown):
    at = 1_790_000_000_000_000
    archive.send([
        in_order_batch("a", "s1", number, at + number * 1_000_000 + np.arange(50) * 20_000,
                       np.full((50, 3), number + 1, np.float32), earlier_until=at - 1)
        for number in range(3)
    ])  # fmt: skip
    archive.collect()
    archive.check()
    tampered(archive, change)
    samples, _ = verify(archive.path, KafkaConnection(archive.bootstrap))
    assert (samples.missing, samples.differing, samples.unknown) == (missing, differing, unknown)
    run = har.call("archive", "verify", "--archive", archive.path, "--bootstrap", archive.bootstrap)
    assert run.status == 1
    assert "WRONG  samples: a s" in run.out


@on_one_broker
def test_verification_finds_missing_labels_and_reports_how_far_the_archive_is_behind(archive, har):
    archive.send_labels(make_label("walk", 0), make_label("sit", 1))
    archive.collect()
    table = archive.table(LABELS)
    assert table.delete("activity = 'sit'") == 1
    archive.send_labels(make_label("stand", 2))
    _, labels = verify(archive.path, KafkaConnection(archive.bootstrap))
    assert (labels.compared, labels.missing, labels.behind) == (1, 1, 1)
    run = har.call("archive", "verify", "--archive", archive.path, "--bootstrap", archive.bootstrap)
    assert run.status == 1
    assert "1 not archived yet" in run.out


@pytest.mark.parametrize(("words", "status"), [(("verify", "--bootstrap", "127.0.0.1:1"), 2), (("compact",), 1)])
def test_a_missing_archive_is_reported(har, tmp_path, words, status):
    run = har.call("archive", *words, "--archive", str(tmp_path / "none"))
    assert run.status == status
    assert "is not an archive" in run.err
    assert not (tmp_path / "none").exists()


def test_an_empty_change_is_encoded_in_few_bytes():
    import msgspec

    assert len(msgspec.json.encode(StateChange())) < 20
