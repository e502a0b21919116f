"""Collected data: readings joined with the labels of their wearers."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from har.recordings import RecordingError
from har.windowing import WindowSpec
from recording_files import find_source
from recording_files.loading import load_recordings
from trainer.data_report.findings import Weight, findings_of
from trainer.data_report.survey import survey_source
from trainer.preparation.plan import PreparationPlan
from trainer.runs.preparation import prepare, warnings_of

BEGIN = 1_700_000_000_000_000
PLAN = PreparationPlan(
    classes=("walk",), training_windows=WindowSpec(steps=60), windows=WindowSpec(steps=50), held_out_share=0.2, shards=1
)
Row = tuple[float, float | None, str, float]


def samples(
    folder: Path, device: str = "pixel", session: str = "s1", *, seconds: int = 10, name: str = "1", **further: str
) -> None:
    times = [BEGIN + row * 20_000 for row in range(seconds * 50)]
    columns = {
        "device": [device] * len(times), "session": [session] * len(times),
        "sequence": [row // 50 for row in range(len(times))], "t": times,
        "x": [0.1 * (row % 7) for row in range(len(times))], "y": [0.2] * len(times), "z": [9.8] * len(times),
        **{name: [text] * len(times) for name, text in further.items()},
    }  # fmt: skip
    file = folder / "samples" / "day=1" / f"{device}-{session}-{name}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), file)


def labels(folder: Path, rows: Sequence[Row], device: str = "pixel", session: str = "s1", **further: str) -> Path:
    """Write labels: start and end, s; activity; and when the label was set, s."""
    at = [(BEGIN + round(start * 1e6), None if end is None else BEGIN + round(end * 1e6)) for start, end, _, _ in rows]
    columns = {
        "device": [device] * len(rows), "session": [session] * len(rows),
        "start": [start for start, _ in at], "end": pa.array([end for _, end in at], pa.int64()),
        "activity": [activity for _, _, activity, _ in rows],
        "said_at": [BEGIN + round(when * 1e6) for *_, when in rows],
        **{name: [text] * len(rows) for name, text in further.items()},
    }  # fmt: skip
    file = folder / "labels" / f"{device}-{session}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), file)
    return file


def shown(folder: Path) -> list[tuple[str, int]]:
    """Return the labels of a folder's only session in order of time, each with its number of readings."""
    (recording,) = load_recordings([folder])
    runs: list[tuple[str, int]] = []
    for label in recording.labels.tolist():
        if runs and runs[-1][0] == label:
            runs[-1] = (label, runs[-1][1] + 1)
        else:
            runs.append((label, 1))
    return runs


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], [("null", 500)]),
        ([(2, 4, "walk", 4)], [("null", 100), ("walk", 100), ("null", 300)]),  # the end is exclusive
        ([(2, None, "walk", 2)], [("null", 100), ("walk", 400)]),  # an open label
        ([(2, None, "walk", 2), (2, 4, "walk", 4)], [("null", 100), ("walk", 100), ("null", 300)]),  # ended later
        ([(2, None, "walk", 2), (6, None, "sit", 6)], [("null", 100), ("walk", 200), ("sit", 200)]),
        # An open label does not come back when a later label ends.
        ([(2, None, "walk", 2), (6, None, "sit", 6), (6, 8, "sit", 8)],
         [("null", 100), ("walk", 200), ("sit", 100), ("null", 100)]),
        ([(2, 8, "walk", 8), (4, 6, "sit", 9)],
         [("null", 100), ("walk", 100), ("sit", 100), ("walk", 100), ("null", 100)]),
        ([(4, 6, "sit", 9), (2, 8, "walk", 10)], [("null", 100), ("walk", 300), ("null", 100)]),  # the later counts
        ([(2, 8, "walk", 8), (2, 8, "sit", 9)], [("null", 100), ("sit", 300), ("null", 100)]),  # corrected
        ([(2, 8, "walk", 8), (2, 2, "walk", 9)], [("null", 500)]),  # withdrawn
        ([(2, None, "walk", 2), (6, None, "sit", 6), (6, 6, "sit", 7)], [("null", 100), ("walk", 400)]),
        ([(2, 8, "walk", 8), (4, 6, "null", 9)],
         [("null", 100), ("walk", 100), ("null", 100), ("walk", 100), ("null", 100)]),
        ([(2, 4, "walk", 4)] * 3, [("null", 100), ("walk", 100), ("null", 300)]),  # delivered three times
    ],
)  # fmt: skip
def test_readings_have_the_label_in_effect(tmp_path: Path, rows: list[Row], expected: list[tuple[str, int]]) -> None:
    samples(tmp_path)
    if rows:
        labels(tmp_path, rows)
    assert shown(tmp_path) == expected
    if rows:
        labels(tmp_path, rows[::-1])  # the order in the file does not matter
        assert shown(tmp_path) == expected


def test_labels_apply_to_their_own_session_only(tmp_path: Path) -> None:
    for session in ("s1", "s2"):
        samples(tmp_path, session=session)
    samples(tmp_path, "iphone")
    labels(tmp_path, [(0, None, "walk", 0)], session="s2")
    found = {(r.device, r.session): set(r.labels.tolist()) for r in load_recordings([tmp_path])}
    assert found == {("iphone", "s1"): {"null"}, ("pixel", "s1"): {"null"}, ("pixel", "s2"): {"walk"}}


def test_user_is_taken_from_samples_or_labels_or_else_the_device(tmp_path: Path) -> None:
    samples(tmp_path, "a", user="anna", model="Pixel 9")
    samples(tmp_path, "b")
    labels(tmp_path, [(0, 1, "sit", 1)], "b", user="ben")
    samples(tmp_path, "c")
    assert [(r.person, r.model) for r in load_recordings([tmp_path])] == [
        ("a/anna", "Pixel 9"), ("b/ben", "unknown"), ("c/c", "unknown"),
    ]  # fmt: skip


def test_a_session_goes_through_files(tmp_path: Path) -> None:
    samples(tmp_path, seconds=4, name="1")
    samples(tmp_path, seconds=4, name="2")  # delivered twice
    (recording,) = load_recordings([tmp_path])
    assert len(recording.times) == 400
    assert find_source(tmp_path).provenance()[0].name == "recorded by this system"


def test_dates_are_read_in_their_time_zone(tmp_path: Path) -> None:
    samples(tmp_path)
    file = labels(tmp_path, [(2, 4, "walk", 4)])
    table = pq.read_table(file)
    begin = datetime.fromtimestamp(BEGIN / 1e6, UTC).astimezone(timezone(timedelta(hours=5)))
    for name, second in (("start", 2), ("end", 4), ("said_at", 4)):
        dates = pa.array([begin + timedelta(seconds=second)], pa.timestamp("us", "Asia/Karachi"))
        table = table.set_column(table.column_names.index(name), name, dates)
    pq.write_table(table, file)
    assert shown(tmp_path) == [("null", 100), ("walk", 100), ("null", 300)]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(2, 4, "walk", 4), (4, 3, "sit", 5)], r"pixel-s1\.parquet: row 1: sit ends at 17\d+, before it starts"),
    ],
)
def test_invalid_labels_are_named(tmp_path: Path, rows: list[Row], message: str) -> None:
    samples(tmp_path)
    labels(tmp_path, rows)
    with pytest.raises(RecordingError, match=message):
        load_recordings([tmp_path])


@pytest.mark.parametrize(
    ("word", "label"),
    [("walking", "walk"), ("Stairs-Up", "stairsup"), ("unknown", "null"), ("tai-chi", "tai_chi"), ("x" * 99, "x" * 99),
     ("??", "??"), ("太极拳", "太极拳")],
)  # fmt: skip
def test_the_words_of_an_older_archive_are_read(tmp_path: Path, word: str, label: str) -> None:
    samples(tmp_path)
    labels(tmp_path, [(0, 2, "sit", 2), (2, 10, word, 10)])
    assert shown(tmp_path) == [("sit", 100), (label, 400)]


def test_labels_that_name_two_wearers_of_a_session_are_left_out_with_a_remark(tmp_path: Path) -> None:
    samples(tmp_path)
    samples(tmp_path, "iphone")
    labels(tmp_path, [(0, 10, "walk", 1)], "iphone")
    file = labels(tmp_path, [(0, 1, "sit", 1), (1, 2, "walk", 2)], user="anna")
    table = pq.read_table(file)
    pq.write_table(table.set_column(table.column_names.index("user"), "user", pa.array(["anna", "ben"])), file)
    found = {recording.person: set(recording.labels.tolist()) for recording in load_recordings([tmp_path])}
    assert found == {"iphone/iphone": {"walk"}, "pixel/pixel": {"null"}}
    (remark,) = find_source(tmp_path).remarks()
    assert "session s1 of pixel name several users (anna, ben), so none of them is used" in remark
    findings = findings_of(survey_source(find_source(tmp_path)), 1)
    assert [found.weight for found in findings if found.text == remark] == [Weight.WARNS]
    index = prepare([tmp_path], PLAN, tmp_path / "prepared", spark=None, executors=1)
    assert f"{tmp_path.name}: {remark}" in warnings_of(index)


def test_missing_columns_values_and_samples_are_named(tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    with pytest.raises(RecordingError, match=r"samples contains no \.parquet file"):
        load_recordings([tmp_path])
    samples(tmp_path)
    file = labels(tmp_path, [(0, 1, "sit", 1)])
    table = pq.read_table(file)
    pq.write_table(table.set_column(4, "activity", pa.array([None], pa.string())), file)
    with pytest.raises(RecordingError, match=r"pixel-s1\.parquet: row 0: no activity"):
        load_recordings([tmp_path])
    pq.write_table(table.drop_columns(["end"]), file)
    with pytest.raises(RecordingError, match=r"pixel-s1\.parquet: no column end; labels need device"):
        load_recordings([tmp_path])
    sample_file = next((tmp_path / "samples").rglob("*.parquet"))
    pq.write_table(pq.read_table(sample_file).rename_columns({"t": "time"}), sample_file)
    pq.write_table(table, file)
    with pytest.raises(RecordingError, match=r"no column t \(is it 'time'\?\); samples need device"):
        load_recordings([tmp_path])
