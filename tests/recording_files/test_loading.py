from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from har.recordings import RecordingError
from recording_files.loading import load_recordings


def table(**changes: object) -> pa.Table:
    columns = {
        "user": ["u01", "u01", "u01", "u02"],
        "device": ["phone"] * 4,
        "model": ["Phone"] * 4,
        "session": ["e1", "e1", "e2", "e1"],
        "t": [0.02, 0.0, 0.0, 0.0],
        "x": [2.0, 1.0, 3.0, 4.0],
        "y": [0.0] * 4,
        "z": [9.8] * 4,
        "gt": ["walk", "sit", "null", "stand"],
    }
    columns.update(changes)
    return pa.table({name: values for name, values in columns.items() if values is not None})


def write(folder: Path, content: pa.Table, name: str = "data.parquet") -> Path:
    path = folder / name
    pq.write_table(content, path)
    return path


def test_table_becomes_one_recording_per_person_and_session(tmp_path: Path) -> None:
    recordings = load_recordings([write(tmp_path, table())])
    assert [(r.person, r.session) for r in recordings] == [
        ("phone/u01", "e1"),
        ("phone/u01", "e2"),
        ("phone/u02", "e1"),
    ]
    first = recordings[0]
    assert first.times.tolist() == [20_000, 0]  # in the table's order; windows are cut in event time
    assert first.times.dtype == np.int64
    assert first.axes[:, 0].tolist() == [2, 1]
    assert first.axes.dtype == np.float32
    assert first.labels.tolist() == ["walk", "sit"]


@pytest.mark.parametrize(("column", "needed"), [("t", "times"), ("x", "axes"), ("y", "axes"), ("z", "axes")])
def test_a_missing_column_is_asked_for(tmp_path: Path, column: str, needed: str) -> None:
    with pytest.raises(
        RecordingError, match=rf"data\.parquet: .*its columns do not tell the {needed}.*columns are user"
    ):
        load_recordings([write(tmp_path, table(**{column: None}))])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": [1.0, float("nan"), 0.0, 0.0]}, "1 of 4 rows"),
        ({"y": [1.0, None, 0.0, 0.0]}, "data.parquet: 1 of 4 rows .* first row 1 .user u01, session e1"),
        ({"gt": ["walk", None, "sit", "sit"]}, "1 row.s. have no gt, first row 1"),
        ({"z": ["a", "b", "c", "d"]}, "must be numbers"),
        ({name: [] for name in ("user", "device", "model", "session", "t", "x", "y", "z", "gt")}, "no rows"),
    ],
)
def test_unusable_values_are_an_error(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(RecordingError, match=message):
        load_recordings([write(tmp_path, table(**changes))])


def test_other_formats_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    path.write_text("user,device,model\n")
    with pytest.raises(RecordingError, match=r"data\.parquet has no rows"):
        load_recordings([path])
    with pytest.raises(RecordingError, match="cannot be read"):
        load_recordings([tmp_path / "absent.parquet"])


def test_the_same_session_in_two_tables_is_an_error(tmp_path: Path) -> None:
    paths = [write(tmp_path, table(), "a.parquet"), write(tmp_path, table(), "b.parquet")]
    with pytest.raises(RecordingError, match="earlier table"):
        load_recordings(paths)


@pytest.mark.recordings
def test_the_real_recordings_hold_30_people(shared_data: Path) -> None:
    recordings = load_recordings([shared_data / "hapt_24_users.parquet", shared_data / "pocket_6_users.parquet"])
    assert len({recording.person for recording in recordings}) == 30
    assert all(len(recording.times) == len(recording.axes) for recording in recordings)
