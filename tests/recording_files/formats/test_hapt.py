"""HAPT's raw files and labels, in a folder and in an archive, and errors in them."""

from pathlib import Path

import pytest

from har.recordings import RecordingError
from recording_files import find_source
from recording_files.formats.number_tables import FILE_BYTES
from recording_files.loading import load_recordings
from tests.recording_files.made_files import hapt_files, write_files, zipped

FIRST = "RawData/acc_exp01_user01.txt"
LABELS = "RawData/labels.txt"


def test_experiments_become_sessions_with_their_labels(tmp_path: Path) -> None:
    parts = list(find_source(write_files(tmp_path, hapt_files())).parts())
    assert [(p.table["user"][0].as_py(), p.table["session"][0].as_py()) for p in parts] == [
        ("u01", "e01"), ("u01", "e02"), ("u02", "e03"),
    ]  # fmt: skip
    first = parts[0]
    assert first.table["gt"].to_pylist() == ["null"] * 100 + ["walk"] * 100 + ["null"] * 100 + ["transition"] * 100
    assert first.times()[:3].tolist() == [0, 20_000, 40_000]
    assert first.axes()[0].tolist() == pytest.approx([0, 0.980665, 9.9047165])  # g is converted to m/s²
    assert find_source(tmp_path).rate_hz == 50
    assert "forbids commercial use" in find_source(tmp_path).provenance()[0].licence


def test_archive_and_folder_give_the_same(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "unpacked", hapt_files())
    archive = tmp_path / "hapt.zip"
    archive.write_bytes(zipped({**hapt_files(), "features.txt": "1", "RawData/gyro_exp01_user01.txt": "1 2 3"}))
    for one, other in zip(find_source(folder).parts(), find_source(archive).parts(), strict=True):
        assert one.table.equals(other.table)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (FIRST, "0.1 0.2 0.3\n0.1 0.2\n", r"acc_exp01_user01\.txt: .*row 2"),
        (FIRST, "0.1 0.2 0.3\n0.1 x 0.3\n", r"acc_exp01_user01\.txt: .*'x'.*row 1"),
        (FIRST, "0.1 0.2\n0.1 0.2\n", "has 2 columns and 2 rows; it needs 3"),
        (FIRST, "0.1 0.2 0.3\n" * 300, r"labels\.txt: a label of experiment 1 ends at 400; it has 300 readings"),
        (LABELS, "1 1 13 1 9\n2 1 1 1 9\n3 2 1 1 9\n", r"invalid label: line 1, .*is not a known activity \(1 to 12\)"),
        (LABELS, "1 1 1 1 9\n2 1 1 9 8\n3 2 1 1 9\n", "line 2, .*is not a valid interval"),
        (LABELS, "1 1 1 1 9\n", "no label for acc_exp02_user01"),
        (LABELS, "1 1 1 1 9\n2 1 1 1 9\n3 2 1 1 9\n9 9 1 1 9\n", "no file acc_exp09_user09.txt for a label"),
        (LABELS, "1 1 1 1\n", "has 4 columns and 1 rows; it needs 5"),
    ],
)
def test_invalid_content_is_named(tmp_path: Path, file: str, text: str, message: str) -> None:
    folder = write_files(tmp_path, {**hapt_files(), file: text})
    with pytest.raises(RecordingError, match=f"(?s){message}"):
        list(find_source(folder).parts())


def test_missing_files_are_named(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "a", {LABELS: "1 1 1 1 9\n"})
    with pytest.raises(RecordingError, match=r"lacks RawData/labels\.txt or acc_expNN_userNN\.txt"):
        list(find_source(folder).parts())


def test_readings_that_are_not_finite_are_named(tmp_path: Path) -> None:
    files = hapt_files()
    lines = files[FIRST].splitlines()
    folder = write_files(tmp_path, {**files, FIRST: "\n".join([*lines[:9], "nan 0 1", *lines[10:]])})
    with pytest.raises(RecordingError, match=r"acc_exp01_user01\.txt: 1 of 400 rows .* first row 9 "):
        load_recordings([folder])


@pytest.mark.parametrize("file", [FIRST, LABELS])
def test_too_large_file_is_rejected(tmp_path: Path, file: str) -> None:
    archive = tmp_path / "hapt.zip"
    archive.write_bytes(zipped({**hapt_files(), file: "0 0 0\n" * (FILE_BYTES // 6 + 1)}))
    assert archive.stat().st_size < 1_000_000
    with pytest.raises(RecordingError, match=rf"{Path(file).name} has more than 67,108,864 bytes"):
        list(find_source(archive).parts())
