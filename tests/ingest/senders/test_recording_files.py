import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from har.recordings import RecordingError
from ingest.senders.journal import Journal, JournalError, read_journals
from ingest.senders.recording_files import read_recordings
from tests.batches import live_batches

HEADER = "Index,Arrival_Time,Creation_Time,x,y,z,User,Model,Device,gt\n"


def hhar(tmp_path, rows: list[str]):
    path = tmp_path / "Phones_accelerometer.csv"
    path.write_text(HEADER + "".join(row + "\n" for row in rows))
    return path


def test_exact_creation_times_are_the_event_times_of_hhar(tmp_path):
    rows = [
        f"{n},142469663390{n},142469663191324857{n},1,2,9.5,{user},nexus4,nexus4_1,stand"
        for n, user in enumerate("aab")
    ]
    first, second = read_recordings(hhar(tmp_path, rows))
    assert (first.user, first.device, len(first.times)) == ("a", "nexus4_1", 2)
    assert first.times[0] == 1_424_696_631_913_248
    assert second.user == "b"
    assert first.axes[0].tolist() == [1, 2, 9.5]


def test_rounded_creation_times_are_replaced_by_arrival_times(tmp_path):
    rows = [f"{n},{1424696633908 + 5 * n},1.42E+18,1,2,9.5,a,nexus4,nexus4_1,walk" for n in range(10)]
    (recording,) = read_recordings(hhar(tmp_path, rows))
    assert np.diff(recording.times).tolist() == [5_000] * 9
    assert recording.times[0] == 1_424_696_633_908_000


def table(**changes) -> pa.Table:
    columns = {
        "user": ["u1"] * 4, "device": ["d"] * 4, "model": ["m"] * 4, "session": ["1", "1", "2", "2"],
        "t": [0.0, 0.02, 0.0, 0.02], "x": [0.0] * 4, "y": [0.0] * 4, "z": [9.8] * 4, "gt": ["walk"] * 4,
    }  # fmt: skip
    return pa.table({name: values for name, values in (columns | changes).items() if values is not None})


def test_parquet_is_split_into_sessions(tmp_path):
    pq.write_table(table(), tmp_path / "r.parquet")
    recordings = read_recordings(tmp_path / "r.parquet")
    assert [(r.session, r.times.tolist()) for r in recordings] == [("1", [0, 20_000]), ("2", [0, 20_000])]


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"gt": None}, "no column gt"), ({"x": [0.0, None, 0.0, 0.0]}, "1 of 4 rows"), ({"t": ["a"] * 4}, "numbers")],
)
def test_a_table_that_is_not_a_recording_is_rejected_with_the_reason(tmp_path, changes, message):
    pq.write_table(table(**changes), tmp_path / "r.parquet")
    with pytest.raises(RecordingError, match=message):
        read_recordings(tmp_path / "r.parquet")


def test_other_files_are_rejected(tmp_path):
    for name, content in (("a.txt", "x"), ("a.parquet", "not parquet"), ("a.csv", "a,b\n1,2\n")):
        (tmp_path / name).write_text(content)
        with pytest.raises(RecordingError, match=name):
            read_recordings(tmp_path / name)
    with pytest.raises(RecordingError, match=r"missing\.parquet"):
        read_recordings(tmp_path / "missing.parquet")


def test_a_journal_returns_acknowledged_batches_and_survives_an_incomplete_entry(tmp_path):
    batches = live_batches(4)
    with Journal(tmp_path, "phone-1", "s1") as journal:
        for batch in batches:
            journal.write(batch, np.array(["walk"] * len(batch)))
    path = next(tmp_path.iterdir())
    path.write_bytes(path.read_bytes()[:-10])
    ((recording, count),) = read_journals(tmp_path)
    assert count == 3
    assert recording.times.tolist() == np.concatenate([batch.times for batch in batches[:3]]).tolist()
    assert set(recording.labels) == {"walk"}
    with Journal(tmp_path, "phone-1", "s1") as journal:
        journal.write(batches[3], np.array(["sit"] * len(batches[3])))
    ((recording, count),) = read_journals(tmp_path)
    assert count == 4
    assert set(recording.labels) == {"walk", "sit"}


@pytest.mark.parametrize(("place", "flipped"), [(4, 0xFF), (-1, 0x80)], ids=["structure", "text"])
def test_a_damaged_journal_is_rejected(tmp_path, place, flipped):
    with Journal(tmp_path, "phone-1", "s1") as journal:
        for batch in live_batches(2):
            journal.write(batch, np.array(["walk"] * len(batch)))
    path = next(tmp_path.iterdir())
    damaged = bytearray(path.read_bytes())
    damaged[place] ^= flipped
    path.write_bytes(damaged)
    with pytest.raises(JournalError, match="damaged"):
        list(read_journals(tmp_path))
