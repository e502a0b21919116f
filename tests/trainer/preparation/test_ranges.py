"""Ranges of files contain every row exactly once."""

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har.recordings import RecordingError
from recording_files import find_source
from tests.recording_files.made_files import HHAR_FILE, hhar_lines, hhar_text
from tests.trainer.made_recordings import made_recording, write_recordings
from trainer.preparation.ranges import FileRange, ranges_of, read_range


def rows_of(parts):
    tables = [part.table for part in parts]
    return pa.concat_tables(tables).to_pylist() if tables else []


@settings(max_examples=25, deadline=None)
@given(range_bytes=st.integers(150, 4_000))
def test_ranges_of_a_csv_give_every_row_once_and_in_order(tmp_path_factory, range_bytes):
    path = tmp_path_factory.mktemp("csv") / HHAR_FILE
    path.write_text(hhar_text(hhar_lines()[::30]))
    source = find_source(path)

    found = [row for piece in ranges_of(source, range_bytes) for row in rows_of(read_range(piece))]

    assert found == rows_of(source.parts())


TABLE = "\n".join(["t,x,y,z,what", *(f"{row / 50:.2f},0.{row},9.8,0,walk" for row in range(300)), ""])
CLOCK = "".join(["time,x,y,z\n", *(f"23:59:5{row // 50}.{row % 50 * 20:03},0.1,9.8,0\n" for row in range(300))])


@pytest.mark.parametrize(
    ("content", "ranges"),
    [
        (TABLE.replace("\n", "\r\n").encode(), 7),
        (TABLE.rstrip().encode(), 7),
        (TABLE.encode("utf-8-sig"), 7),
        (TABLE.replace("walk", "på väg").encode("cp1252"), 8),
        (TABLE.encode("utf-16"), 1),
        (TABLE.replace("\n", "\r").encode(), 1),
        (CLOCK.encode(), 1),  # times of day need the rows before them
    ],
)
def test_ranges_of_any_text_table_give_every_row_once(tmp_path, content, ranges):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    source = find_source(path)
    found = ranges_of(source, 1_000)
    whole = rows_of(source.parts())
    assert (len(found), len(whole)) == (ranges, 300)
    assert [row for piece in found for row in rows_of(read_range(piece))] == whole


def test_a_table_with_a_line_break_in_a_cell_is_read_as_a_whole(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(TABLE.replace("walk", '"walk\nfast"'))
    (found,) = ranges_of(find_source(f"{path} --label what"), 1_000)
    rows = rows_of(read_range(found))
    assert [row["t"] for row in rows] == [row * 20_000 for row in range(300)]
    assert {row["gt"] for row in rows} == {"walk_fast"}


def test_a_line_break_in_a_cell_that_comes_late_is_named(tmp_path):
    lines = [f"{row / 50:.2f},0,9.8,0,walk" for row in range(20_000)]
    lines[19_980] = lines[19_980].replace("walk", '"walk\nfast"')
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["t,x,y,z,what", *lines]))
    begin = path.read_text().index("\nfast") + 1
    found = [piece for piece in ranges_of(find_source(path), begin - 2) if piece.begin]
    with pytest.raises(RecordingError, match=r"table\.csv .*Expected 5 columns.*a line break in a cell, within quotes"):
        [row for piece in found for row in rows_of(read_range(piece))]


def test_executors_get_a_range_with_its_layout_and_what_the_person_stated(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    stated = f"{path} --label what --signs iphone --rate-hz 50"
    for found in (ranges_of(find_source(stated), 1_000)[1], ranges_of(find_source(f"{tmp_path} --label what"))[0]):
        assert msgspec.json.decode(msgspec.json.encode(found), type=FileRange) == found
    assert find_source(stated).rate_hz == 50


def test_row_groups_with_other_columns_give_every_row_once(tmp_path):
    table = pa.table({"ms": range(0, 60_000, 20), "ax": [0.0] * 3_000, "ay": [1.0] * 3_000, "az": [0.1] * 3_000})
    path = tmp_path / "anna.parquet"
    pq.write_table(table, path, row_group_size=700)
    source = find_source(f"{path} --time ms")
    found = ranges_of(source)
    assert len(found) == 5
    assert [row for piece in found for row in rows_of(read_range(piece))] == rows_of(source.parts())
    (without_times,) = ranges_of(find_source(f"{path} --x ax --y ay --z az --rate-hz 50"))
    assert len(rows_of(read_range(without_times))) == 3_000


def test_row_groups_of_parquet_files_give_every_row_once_and_in_order(tmp_path):
    whole = pq.read_table(write_recordings(tmp_path / "made.parquet", [made_recording("u1"), made_recording("u2")]))
    pq.write_table(whole, tmp_path / "made.parquet", row_group_size=700)
    source = find_source(tmp_path / "made.parquet")

    ranges = ranges_of(source)

    assert len(ranges) == 9
    assert [row for piece in ranges for row in rows_of(read_range(piece))] == rows_of(source.parts())


def write_collected(folder):
    """Write three files of two sessions, and one file with all labels."""
    for number in range(3):
        session = "s1" if number < 2 else "s2"
        times = [(number * 100 + row) * 20_000 for row in range(100)]
        columns = {"device": ["pixel"] * 100, "session": [session] * 100, "t": times}
        file = folder / "samples" / f"day={number}" / "part.parquet"
        file.parent.mkdir(parents=True)
        pq.write_table(pa.table({**columns, **{axis: [1.0] * 100 for axis in "xyz"}}), file)
    rows = [("s1", 1_000_000, 3_000_000, "walk", "anna"), ("s2", 4_000_000, None, "sit", "ben")]
    names = ("session", "start", "end", "activity", "user")
    labels = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    (folder / "labels").mkdir()
    pq.write_table(
        pa.table({**labels, "device": ["pixel"] * 2, "said_at": [5_000_000] * 2}), folder / "labels" / "1.parquet"
    )
    return folder


@pytest.mark.parametrize(("range_bytes", "ranges"), [(1, 3), (1 << 20, 1)])
def test_collected_data_is_split_by_file_and_joined_with_all_labels(tmp_path, range_bytes, ranges):
    source = find_source(write_collected(tmp_path))

    found = ranges_of(source, range_bytes)

    assert len(found) == ranges
    rows = [row for piece in found for row in rows_of(read_range(piece))]
    assert rows == rows_of(source.parts())
    assert {(row["user"], row["gt"]) for row in rows} == {("anna", "null"), ("anna", "walk"), ("ben", "sit")}


@pytest.mark.parametrize("row_group_size", [None, 1])
def test_a_parquet_file_without_rows_is_named_as_in_one_process(tmp_path, row_group_size):
    whole = pq.read_table(write_recordings(tmp_path / "1.parquet", [made_recording("u1")]))
    pq.write_table(whole.slice(0, 0), tmp_path / "2.parquet", row_group_size=row_group_size)
    source = find_source(tmp_path)

    with pytest.raises(RecordingError, match=r"2\.parquet has no rows"):
        list(source.parts())
    with pytest.raises(RecordingError, match=r"2\.parquet has no rows"):
        ranges_of(source)


def test_a_file_that_is_not_parquet_is_named(tmp_path):
    write_recordings(tmp_path / "1.parquet", [made_recording("u1")])
    (tmp_path / "2.parquet").write_text("no table")

    with pytest.raises(RecordingError, match=r"2\.parquet cannot be read as a Parquet table"):
        ranges_of(find_source(tmp_path))
