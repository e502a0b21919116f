"""Finding the source for a path or a name."""

import os
from pathlib import Path

import pytest

from har.recordings import RecordingError
from recording_files import find_source
from recording_files.formats.collected import CollectedSource
from recording_files.formats.hapt import HaptSource
from recording_files.formats.hhar import HharSource
from recording_files.formats.parquet import ParquetSource
from recording_files.formats.text_tables import TextSource
from tests.recording_files.made_exports import write_export
from tests.recording_files.made_files import (
    HHAR_FILE,
    hapt_files,
    hhar_lines,
    hhar_text,
    recording_columns,
    write_files,
    write_table,
    zipped,
)


def test_format_is_recognised_by_content(tmp_path: Path) -> None:
    table = write_table(tmp_path / "tables/data.parquet", recording_columns())
    (tmp_path / "collected/samples").mkdir(parents=True)
    write_files(tmp_path / "hapt", hapt_files())
    write_files(tmp_path / "hhar", {HHAR_FILE: hhar_text(hhar_lines())})
    (tmp_path / "hapt.zip").write_bytes(zipped(hapt_files()))
    (tmp_path / "hhar.ZIP").write_bytes(zipped({HHAR_FILE: hhar_text(hhar_lines())}))
    kinds = {
        "tables": ParquetSource, "tables/data.parquet": ParquetSource, "collected": CollectedSource,
        "hapt": HaptSource, "hapt.zip": HaptSource, "hhar": HharSource, "hhar.ZIP": HharSource,
        f"hhar/{HHAR_FILE}": TextSource,
    }  # fmt: skip
    assert {name: type(find_source(tmp_path / name)) for name in kinds} == kinds
    assert find_source(f"{table} --rate-hz 25").rate_hz == 25


def test_a_file_is_read_although_its_name_begins_with_a_dot(tmp_path: Path) -> None:
    path = write_export(tmp_path, "phyphox", ".walk.csv")
    assert find_source(path).understood()[0] == "format phyphox"


def test_a_file_that_cannot_be_read_is_told_with_its_path() -> None:
    with pytest.raises(RecordingError, match=r"^/proc/self/mem cannot be read: "):
        find_source("/proc/self/mem")


def test_fetched_data_set_is_found_by_name(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"hhar is not in .*: run `har data fetch hhar` first"):
        find_source("hhar", fetched=tmp_path)
    path = write_table(tmp_path / "hhar.parquet", recording_columns())
    assert find_source("hhar", fetched=tmp_path).path == path


def test_missing_or_invalid_data_set_is_reported(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"nothing\.parquet cannot be read: there is no such file"):
        find_source(tmp_path / "nothing.parquet")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/readme.md").write_text("no data")
    (tmp_path / "notes.zip").write_bytes(zipped({"readme.md": "no data"}))
    for name in ("notes", "notes.zip"):
        with pytest.raises(RecordingError, match=r"readme\.md is not a table of readings"):
            find_source(tmp_path / name)
    with pytest.raises(RecordingError, match=r"readme\.md is not a table of readings: its first line has 1 cell"):
        find_source(tmp_path / "notes/readme.md")


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RecordingError, match=r"pipe is a pipe, and files are read twice: save it, or use .*classify -"):
        find_source(tmp_path / "pipe")
