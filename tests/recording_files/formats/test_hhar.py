"""HHAR's table as a file, in folders and in nested archives, and errors in it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from har.recordings import RecordingError
from recording_files import SCHEMA, find_source
from recording_files.loading import load_recordings
from tests.recording_files.made_files import HHAR_FILE, HHAR_HEADER, hhar_archive, hhar_lines, hhar_text, write_files


def table_of(path: Path) -> pa.Table:
    return pa.concat_tables([part.table for part in find_source(path).parts()]).unify_dictionaries()


def write(folder: Path, lines: list[str], header: str = HHAR_HEADER) -> Path:
    path = folder / HHAR_FILE
    path.write_text("\n".join([header, *lines, ""]))
    return path


def changed(lines: list[str], row: int, column: str, value: str) -> list[str]:
    cells = lines[row].split(",")
    cells[HHAR_HEADER.split(",").index(column)] = value
    return [*lines[:row], ",".join(cells), *lines[row + 1 :]]


def test_table_has_the_projects_columns(tmp_path: Path) -> None:
    table = table_of(write(tmp_path, hhar_lines()))
    assert table.schema.equals(SCHEMA)
    first = table.slice(0, 1).to_pylist()[0]
    assert first == {
        "user": "a", "device": "nexus4_1", "model": "nexus4", "session": "hhar", "t": 1424696631913248,
        "x": 0.0, "y": 0.5, "z": 9.0, "gt": "stand",
    }  # fmt: skip
    assert np.diff(table["t"].to_numpy()).tolist() == [5000] * 899
    assert table["gt"].to_pylist() == ["stand"] * 300 + ["walk"] * 300 + ["null"] * 300


def test_columns_may_be_in_another_order(tmp_path: Path) -> None:
    lines = [",".join(reversed(line.split(","))) for line in hhar_lines()]
    turned = write(tmp_path, lines, ",".join(reversed(HHAR_HEADER.split(","))))
    (tmp_path / "other").mkdir()
    assert table_of(turned).equals(table_of(write(tmp_path / "other", hhar_lines())))


def test_rounded_creation_times_are_replaced_by_the_other_clock(tmp_path: Path) -> None:
    rounded = [
        changed([line], 0, "Creation_Time", f"{float(line.split(',')[2]):.2e}")[0] for line in hhar_lines(rate_hz=100)
    ]
    assert np.diff(table_of(write(tmp_path, rounded))["t"].to_numpy()).tolist() == [10_000] * 899


def test_table_is_found_in_folders_and_nested_archives(tmp_path: Path) -> None:
    content = hhar_text(hhar_lines())
    folder = write_files(
        tmp_path / "unpacked",
        {f"Activity recognition exp/{HHAR_FILE}": content, f"Still exp/{HHAR_FILE}": hhar_text(hhar_lines("z"))},
    )
    archive = tmp_path / "hhar.zip"
    archive.write_bytes(hhar_archive(content))
    alone = table_of(write(tmp_path, hhar_lines()))
    assert table_of(folder).equals(alone)
    assert table_of(archive).equals(alone)
    assert find_source(archive).provenance()[0].licence == "CC BY 4.0"


def test_two_tables_of_the_same_name_are_rejected(tmp_path: Path) -> None:
    folder = write_files(tmp_path, {f"{name}/{HHAR_FILE}": hhar_text(hhar_lines()) for name in "ab"})
    with pytest.raises(RecordingError, match=r"a/Phones_acc.* and .*b/Phones_acc.*Pass the path of one"):
        list(find_source(folder).parts())


@pytest.mark.parametrize(("column", "option"), [("Creation_Time", "--time"), ("z", "--x, --y, --z")])
def test_a_renamed_column_is_asked_for(tmp_path: Path, column: str, option: str) -> None:
    path = write(tmp_path, hhar_lines(), HHAR_HEADER.replace(column, "renamed"))
    with pytest.raises(RecordingError, match=rf"{HHAR_FILE}.*{option}.*Its columns are Index,.*renamed"):
        find_source(path)


def test_labels_and_names_may_be_missing(tmp_path: Path) -> None:
    header = HHAR_HEADER.replace("gt", "other").replace("User", "somebody")
    table = table_of(write(tmp_path, hhar_lines(), header))
    assert table["gt"].unique().to_pylist() == ["null"]
    assert table["user"].unique().to_pylist() == ["Phones_accelerometer"]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("x", "fast", r"x 'fast' is not a number, row 7"),
        ("Creation_Time", "noon", "Creation_Time 'noon' is not a whole number like the first ones, row 7"),
        ("Creation_Time", "", "Creation_Time '' is not a whole number like the first ones, row 7"),
        ("gt", "stand,extra", r"#9: Expected 10 columns, got 11"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(tmp_path: Path, column: str, value: str, message: str) -> None:
    path = write(tmp_path, changed(hhar_lines(), 7, column, value))
    with pytest.raises(RecordingError, match=rf"(?s){HHAR_FILE}.*{message}"):
        list(find_source(path).parts())


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", ""])
def test_a_reading_that_is_not_finite_is_named(tmp_path: Path, value: str) -> None:
    path = write(tmp_path, changed(hhar_lines(), 7, "y", value))
    with pytest.raises(RecordingError, match=rf"{HHAR_FILE}: 1 of 900 rows .* first row 7 .user a, session hhar"):
        load_recordings([path])


def test_rows_are_counted_through_the_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recording_files.text_reading.BLOCK_BYTES", 4096)
    path = write(tmp_path, changed(hhar_lines(), 800, "Creation_Time", "noon"))
    with pytest.raises(RecordingError, match="'noon' is not a whole number like the first ones, row 800"):
        list(find_source(path).parts())


@pytest.mark.parametrize(("text", "label"), [("jog", "jog"), ("Walking", "walk"), ("", "null")])
def test_a_label_that_hhar_does_not_have_stops_nothing(tmp_path: Path, text: str, label: str) -> None:
    (recording,) = load_recordings([write(tmp_path, changed(hhar_lines(), 7, "gt", text))])
    assert recording.labels[7] == label


def test_no_rows_and_no_file_are_errors(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=f"{HHAR_FILE}.*(has no rows|[Ee]mpty)"):
        list(find_source(write(tmp_path, [])).parts())
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(RecordingError, match=r"empty\.csv"):
        list(find_source(tmp_path / "empty.csv").parts())
    with pytest.raises(RecordingError, match=r"absent\.csv cannot be read: there is no such file"):
        list(find_source(tmp_path / "absent.csv").parts())


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    archive = tmp_path / "hhar.zip"
    whole = hhar_archive(hhar_text(hhar_lines()))
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RecordingError, match=r"hhar\.zip cannot be read as a zip archive"):
        find_source(archive)
    middle = whole.index(b"Activity recognition exp.zip") + 400
    archive.write_bytes(whole[:middle] + bytes(50) + whole[middle + 50 :])
    with pytest.raises(RecordingError, match=r"hhar\.zip"):
        list(find_source(archive).parts())


@pytest.mark.recordings
@pytest.mark.parametrize(("name", "readings", "labels"), [("first10000", 10_000, 1), ("7008_allclasses", 7008, 7)])
def test_the_real_excerpts(shared_data: Path, name: str, readings: int, labels: int) -> None:
    table = table_of(shared_data / "hhar_excerpt" / f"Phones_accelerometer_{name}.csv")
    assert len(table) == readings
    assert len(table["gt"].unique()) == labels
    steps = np.diff(np.sort(table["t"].to_numpy()))
    assert 150 < 1e6 / steps[steps < 1_000_000].mean() < 250
