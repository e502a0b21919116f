"""Ranges of files give every row once, wherever they are cut."""

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer.made_recordings import made_recording, write_recordings
from tests.trainer.sources.made_files import HHAR_FILE, hhar_lines, hhar_text
from trainer.preparation.ranges import ranges_of, read_range
from trainer.sources import find_source


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


def test_row_groups_of_parquet_files_give_every_row_once_and_in_order(tmp_path):
    whole = pq.read_table(write_recordings(tmp_path / "made.parquet", [made_recording("u1"), made_recording("u2")]))
    pq.write_table(whole, tmp_path / "made.parquet", row_group_size=700)
    source = find_source(tmp_path / "made.parquet")

    ranges = ranges_of(source)

    assert len(ranges) == 9
    assert [row for piece in ranges for row in rows_of(read_range(piece))] == rows_of(source.parts())
