"""Reading Parquet in the project's columns, and writing sources as Parquet."""

import resource
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from har.recordings import RecordingError
from har.releases import TrainingData
from recording_files import SCHEMA, find_source
from recording_files.data_sets import weights_licence
from recording_files.formats.parquet import PROVENANCE_KEY, RATE_KEY, write_parquet
from recording_files.loading import load_recordings
from tests.recording_files.made_files import (
    HHAR_FILE,
    hapt_files,
    hhar_lines,
    hhar_text,
    recording_columns,
    write_files,
    write_table,
)


def test_further_columns_and_other_types_are_accepted(tmp_path: Path) -> None:
    columns = recording_columns(seconds=4)
    table = pa.table({**columns, "session": [17] * 200, "note": ["x"] * 200})
    for name, kind in (("user", pa.large_string()), ("gt", pa.dictionary(pa.int8(), pa.string()))):
        table = table.set_column(table.column_names.index(name), name, table[name].cast(kind))
    pq.write_table(table, tmp_path / "data.parquet")
    (part,) = find_source(tmp_path / "data.parquet").parts()
    assert part.table.schema.equals(SCHEMA)
    assert part.table["gt"].to_pylist() == columns["gt"]
    assert part.table["session"].unique().to_pylist() == ["17"]


def test_times_are_seconds_microseconds_or_dates(tmp_path: Path) -> None:
    columns = recording_columns(seconds=4)
    microseconds = [round(t * 1e6) for t in columns["t"]]
    dates = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=t) for t in microseconds]
    for times in (columns["t"], microseconds, dates):
        (part,) = find_source(write_table(tmp_path / "data.parquet", {**columns, "t": times})).parts()
        assert part.times().tolist() == microseconds


def test_folder_is_read_in_order_without_unfinished_files(tmp_path: Path) -> None:
    write_table(tmp_path / "2/data.parquet", recording_columns("second", seconds=4))
    write_table(tmp_path / "1.parquet", recording_columns("first", seconds=4))
    (tmp_path / "_temporary").mkdir()
    (tmp_path / "_temporary/0.parquet").write_text("half a file")
    (tmp_path / ".1.parquet.part.parquet").write_text("half a file")
    parts = list(find_source(tmp_path).parts())
    assert [part.table["user"][0].as_py() for part in parts] == ["first", "second"]


def other_columns(count: int = 500) -> dict[str, list[object]]:
    """Return columns with names, units and times of another program: ms since 1970, and g."""
    return {
        "timestamp": [1_777_636_800_000 + 20 * row for row in range(count)],
        "acc_x": [0.0] * count, "acc_y": [1.0] * count, "acc_z": [0.1] * count,
        "Activity": ["Walking"] * count,
    }  # fmt: skip


def test_a_folder_of_parquet_names_the_files_that_are_left_out(tmp_path: Path) -> None:
    write_table(tmp_path / "walk.parquet", recording_columns())
    assert find_source(tmp_path).remarks() == find_source(tmp_path / "walk.parquet").remarks() == []
    for name in ("sit.csv", "_SUCCESS", ".walk.parquet.crc"):
        (tmp_path / name).write_text("time,x,y,z\n", "utf-8")
    assert find_source(tmp_path).remarks() == [
        "left out, as the folder is read as Parquet: sit.csv. Pass other recordings by themselves"
    ]


def test_a_folder_of_parquet_leaves_out_tables_without_readings_and_names_them(tmp_path: Path) -> None:
    write_table(tmp_path / "walk.parquet", recording_columns())
    write_table(tmp_path / "windows.parquet", {"start_us": [0], "activity": ["walk"], "confidence": [0.9]})
    write_table(tmp_path / "turn.parquet", {"time": [0.0, 0.02], "gyro_x": [1.0, 1.1]})
    source = find_source(tmp_path)
    assert {part.file.name for part in source.parts()} == {"walk.parquet"}
    turn, windows = source.remarks()
    assert "left out" in turn and "turn.parquet is a table of a gyroscope" in turn
    assert "left out" in windows and "Its columns are start_us, activity, confidence" in windows
    (tmp_path / "walk.parquet").unlink()
    with pytest.raises(RecordingError, match=r"turn\.parquet is a table of a gyroscope"):
        find_source(tmp_path)


def test_columns_of_any_names_and_units_are_understood(tmp_path: Path) -> None:
    source = find_source(write_table(tmp_path / "anna.parquet", other_columns()))
    assert source.understood()[:4] == [
        "format Parquet", "format usual column names", "axes acc_x, acc_y, acc_z in g", "time timestamp in ms",
    ]  # fmt: skip
    (part,) = source.parts()
    assert part.times()[:2].tolist() == [1_777_636_800_000_000, 1_777_636_800_020_000]
    assert part.axes()[0].tolist() == pytest.approx([0, 9.80665, 0.980665])
    assert [part.table[name][0].as_py() for name in ("user", "session", "gt")] == ["anna", "anna", "walk"]


@pytest.mark.parametrize("unit", ["us", "ns"])
def test_timestamps_with_a_zone_are_read_whatever_their_unit(tmp_path: Path, unit: str) -> None:
    columns = pa.table(other_columns())
    times = (
        columns["timestamp"].cast(pa.timestamp("ms", "Europe/Stockholm")).cast(pa.timestamp(unit, "Europe/Stockholm"))
    )
    pq.write_table(columns.set_column(0, "when", times), tmp_path / "anna.parquet")
    (part,) = find_source(f"{tmp_path / 'anna.parquet'} --time when").parts()
    assert part.times()[1] == 1_777_636_800_020_000


def test_odd_columns_are_asked_for_and_taken_from_the_options(tmp_path: Path) -> None:
    columns = other_columns()
    for axis in "xyz":
        columns[f"sensor {axis}1"] = columns.pop(f"acc_{axis}")
    path = write_table(tmp_path / "data.parquet", columns)
    with pytest.raises(
        RecordingError, match=r"data\.parquet: .* do not tell the axes .*timestamp, Activity, sensor x1"
    ):
        find_source(path)
    (part,) = find_source(f"{path} --x 'sensor x1' --y 'sensor y1' --z 'sensor z1' --signs iphone").parts()
    assert part.axes()[0].tolist() == pytest.approx([0, -9.80665, -0.980665])


def test_the_projects_columns_may_be_in_another_unit_if_the_person_says_so(tmp_path: Path) -> None:
    columns = recording_columns(seconds=4)
    columns["z"] = [1.0] * 200
    (part,) = find_source(f"{write_table(tmp_path / 'data.parquet', columns)} --unit g").parts()
    assert part.axes()[0].tolist() == pytest.approx([0, 0.3 * 9.80665, 9.80665])


def test_files_of_several_formats_are_refused(tmp_path: Path) -> None:
    write_table(tmp_path / "a.parquet", recording_columns(seconds=4))
    write_table(tmp_path / "b.parquet", other_columns())
    with pytest.raises(
        RecordingError, match=r"several formats \(.*a\.parquet is this project's columns; .*b\.parquet is"
    ):
        find_source(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("user", None, r"1 row\(s\) have no user, first row 7"),
        ("t", None, r"1 row\(s\) have no t, first row 7"),
        ("t", float("nan"), "1 of 200 rows hold NaN or infinity in t, first row 7"),
    ],
)
def test_missing_values_are_named(tmp_path: Path, name: str, value: object, message: str) -> None:
    columns = recording_columns(seconds=4)
    columns[name][7] = value
    with pytest.raises(RecordingError, match=rf"data\.parquet: {message}"):
        list(find_source(write_table(tmp_path / "data.parquet", columns)).parts())


def test_a_corrupt_file_is_named(tmp_path: Path) -> None:
    path = write_table(tmp_path / "data.parquet", recording_columns())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RecordingError, match=r"data\.parquet cannot be read as a Parquet table"):
        find_source(path)
    path.write_bytes(b"PAR1" + bytes(len(whole) // 2) + whole[len(whole) // 2 + 4 :])  # the footer is intact
    with pytest.raises(RecordingError, match=r"data\.parquet cannot be read as a Parquet table"):
        list(find_source(path).parts())


def test_a_source_is_written_with_its_provenance_and_rate(tmp_path: Path) -> None:
    source = find_source(write_files(tmp_path, hapt_files()))
    shown: list[int] = []
    assert write_parquet(source, tmp_path / "out.parquet", report=shown.append) == 1200
    assert shown == [400, 800, 1200]
    back = find_source(tmp_path / "out.parquet")
    assert back.provenance() == source.provenance()
    assert back.rate_hz == 50
    for one, other in zip(load_recordings([tmp_path / "out.parquet"]), load_recordings([tmp_path]), strict=True):
        assert np.array_equal(one.axes, other.axes)
        assert np.array_equal(one.times, other.times)
        assert np.array_equal(one.labels, other.labels)


def test_the_null_class_can_be_dropped(tmp_path: Path) -> None:
    (tmp_path / HHAR_FILE).write_text(hhar_text(hhar_lines()))
    source = find_source(tmp_path / HHAR_FILE)
    assert write_parquet(source, tmp_path / "all.parquet") == 900
    assert write_parquet(source, tmp_path / "named.parquet", keep_null=False) == 600
    assert set(pq.read_table(tmp_path / "named.parquet")["gt"].to_pylist()) == {"stand", "walk"}


def test_failing_source_leaves_no_partial_file(tmp_path: Path) -> None:
    lines = hhar_lines()
    (tmp_path / HHAR_FILE).write_text(hhar_text([*lines, lines[0] + ",extra"]))
    (tmp_path / "out").mkdir()
    (tmp_path / "out/old.parquet").write_bytes(b"as it was")
    with pytest.raises(RecordingError, match="Expected 10 columns"):
        write_parquet(find_source(tmp_path / HHAR_FILE), tmp_path / "out/old.parquet")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["old.parquet"]
    assert (tmp_path / "out/old.parquet").read_bytes() == b"as it was"


def test_provenance_is_stated_or_derived_from_devices(tmp_path: Path) -> None:
    path = write_table(tmp_path / "data.parquet", recording_columns(device="galaxy_s8"), recording_columns(device="p"))
    assert [data.licence for data in find_source(path).provenance()] == ["MIT", "not stated"]
    ours = b'[{"name": "ours", "licence": "CC0", "source": "our people"}]'
    pq.write_table(pq.read_table(path).replace_schema_metadata({PROVENANCE_KEY: ours}), path)
    assert find_source(path).provenance() == [TrainingData("ours", "CC0", "our people")]


def stated(path: Path, device: str, metadata: dict[bytes, bytes]) -> None:
    """Write a file of one person with metadata."""
    columns = recording_columns(device, device=device, seconds=4)
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path)


def test_provenance_of_a_folder_is_that_of_all_files(tmp_path: Path) -> None:
    ours = b'{"name": "ours", "licence": "CC0", "source": "our people"}'
    theirs = b'{"name": "theirs", "licence": "CC BY-NC 4.0", "source": "their people"}'
    stated(tmp_path / "a.parquet", "p1", {PROVENANCE_KEY: b"[%s]" % ours})
    stated(tmp_path / "b.parquet", "p2", {PROVENANCE_KEY: b"[%s, %s]" % (theirs, ours)})
    stated(tmp_path / "c.parquet", "galaxy_s8", {})
    stated(tmp_path / "d.parquet", "p4", {PROVENANCE_KEY: b"[]"})
    found = find_source(tmp_path).provenance()
    assert [data.licence for data in found] == ["CC0", "CC BY-NC 4.0", "MIT", "not stated"]
    assert weights_licence(found).startswith("Not for commercial use: the weights were trained on theirs")


@pytest.mark.parametrize(
    ("rates", "rate_hz"),
    [((b"50", b"50.0"), 50), ((b"50", b"100"), None), ((b"50", None), None), ((None, b"50"), None)],
)
def test_folder_has_a_rate_if_all_its_files_state_it(
    tmp_path: Path, rates: tuple[bytes | None, ...], rate_hz: float | None
) -> None:
    for number, rate in enumerate(rates):
        stated(tmp_path / f"{number}.parquet", f"p{number}", {} if rate is None else {RATE_KEY: rate})
    assert find_source(tmp_path).rate_hz == rate_hz


def test_invalid_metadata_of_a_later_file_is_named(tmp_path: Path) -> None:
    stated(tmp_path / "a.parquet", "p1", {})
    stated(tmp_path / "b.parquet", "p2", {RATE_KEY: b"fast"})
    with pytest.raises(RecordingError, match=r"b\.parquet: har\.rate_hz is not a number"):
        find_source(tmp_path)


@pytest.mark.parametrize(("key", "value"), [(PROVENANCE_KEY, b'{"name": 1}'), (RATE_KEY, b"fast")])
def test_invalid_metadata_is_named(tmp_path: Path, key: bytes, value: bytes) -> None:
    table = pa.table(recording_columns(seconds=1)).replace_schema_metadata({key: value})
    pq.write_table(table, tmp_path / "data.parquet")
    with pytest.raises(RecordingError, match=rf"data\.parquet: {key.decode()}"):
        find_source(tmp_path / "data.parquet")


def test_full_disk_leaves_no_partial_file(tmp_path: Path) -> None:
    (tmp_path / HHAR_FILE).write_text(hhar_text(hhar_lines()))
    (tmp_path / "out").mkdir()
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, usual[1]))  # no file may grow further
    try:
        with pytest.raises(OSError, match="File too large"):
            write_parquet(find_source(tmp_path / HHAR_FILE), tmp_path / "out/hhar.parquet")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert list((tmp_path / "out").iterdir()) == []
