"""What is no recording, or a damaged one, ends in one line with the file, the row or column, and what to do."""

import gzip
import os
import random
import re
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.cli import main
from har.recordings import RecordingError
from recording_files import find_source
from tests.recording_files.made_files import zipped

ROWS = [f"{row * 0.02:.2f},{row % 7}.1,9.8,0.3,walk" for row in range(1_000)]
HEADER = "t,x,y,z,label"
TABLE = "\n".join([HEADER, *ROWS, ""])
DATES = [f"2026-01-05 08:00:{row // 50:02d}.{row % 50 * 20:03d}" for row in range(2_400)]
NOISE = random.Random(1)
LARGE = 10 << 30


def in_folder(folder: Path, content: bytes) -> Path:
    path = folder / "data"
    path.write_bytes(content)
    return path


def sparse(beginning: str) -> Callable[[Path], Path]:
    """Return a function that writes a file of 10 GB which takes no room on the disk."""

    def write(folder: Path) -> Path:
        path = in_folder(folder, beginning.encode())
        with path.open("r+b") as opened:
            opened.truncate(LARGE)
        return path

    return write


def mixed(folder: Path) -> Path:
    (folder / "a.csv").write_text(TABLE)
    (folder / "b.txt").write_text("33,Jogging,49105962326000,-0.69,12.68,0.50;\n" * 30)
    return folder


BAD: dict[str, tuple[bytes | Callable[[Path], Path], str]] = {
    "empty": (b"", "is empty"),
    "only zero bytes": (bytes(1_000), "holds only zero bytes: copy it again"),
    "a date of another form": (
        "\n".join(["time,x,y,z", *(f"{date},0.1,9.8,0.3" for date in [*DATES, "05.01.2026 08:00:00.123"])]).encode(),
        r"time '05\.01\.2026 08:00:00\.123' is no date such as 2026-05-01 12:00:00\.020, row 2400",
    ),
    "a date without the zone of the first": (
        "\n".join(["time,x,y,z", *(f"{date}Z,0.1,9.8,0.3" for date in DATES), f"{DATES[0]},1,2,3"]).encode(),
        r"is no date such as 2026-05-01 12:00:00\.020Z, with a zone as the first one, row 2400",
    ),
    "only a header": (f"{HEADER}\n".encode(), "has no rows"),
    "one row": (f"{HEADER}\n{ROWS[0]}\n".encode(), "has a single reading"),
    "truncated zip": (zipped({"a.csv": TABLE})[:-40], "cannot be read as a zip archive"),
    "truncated gzip": (gzip.compress(TABLE.encode())[:-200], "Compressed file ended before the end"),
    "binary": (NOISE.randbytes(100_000), "is neither a text table nor Parquet"),
    "wrong delimiter": (TABLE.replace(",", "^").encode(), "cells are separated by commas, semicolons, tabs"),
    "columns missing": (b"t,x,y,label\n0,1,2,walk\n1,1,2,walk\n", r"do not tell the axes \(--x, --y, --z\)"),
    "columns doubled": (TABLE.replace("x,y", "x,x").encode(), "several columns named 'x': rename or remove all but"),
    "two axes of three": (TABLE.replace("t,x", "t,up").encode(), r"--x, --y, --z\).*columns are t, up, y, z, label"),
    "several formats": (
        mixed,
        r"a\.csv is usual column names; b\.txt is WISDM\): pass the files of",
    ),
    "a row of 10 MB": (b"1," * 5_000_000, "is not a table of readings: its first line has 131,073 cells"),
    "a cell of 10 MB": (b"1" * 10_000_000, "is not a table of readings"),
    "10 GB of nothing": (sparse(""), r"is neither a text table nor Parquet: its character 1 is"),
    "10 GB of nothing after rows": (
        sparse("\n".join([HEADER, *ROWS * 20, ""])),
        "a row has more than 33,554,432 bytes",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_that_says_what_to_do(tmp_path: Path, name: str) -> None:
    content, message = BAD[name]
    path = in_folder(tmp_path, content) if isinstance(content, bytes) else content(tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(RecordingError, match=message) as error:
        list(find_source(path).parts())
    text = str(error.value)
    assert str(path) in text
    assert "\n" not in text
    assert len(text) < 900 + 40 * 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 << 10  # kB


@pytest.mark.parametrize("command", ["evaluate", "data report", "prepare"])
@pytest.mark.parametrize("name", ["empty", "columns missing", "several formats"])
def test_commands_end_with_status_2_and_write_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], command: str, name: str
) -> None:
    content, message = BAD[name]
    folder = tmp_path / "in"
    folder.mkdir()
    path = in_folder(folder, content) if isinstance(content, bytes) else content(folder)
    output = {
        "data report": ["--output", str(tmp_path / "out.html")],
        "prepare": ["--output", str(tmp_path / "out"), "--in-process"],
    }
    assert main([*command.split(), "--data", str(path), *output.get(command, [])]) == 2
    told = capfd.readouterr().err.strip()
    assert re.search(f"har {command}: .*{message}", told)
    assert len(told.splitlines()) == 1
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "out.html").exists()


@pytest.mark.parametrize("name", [b"bad\xff.csv", b"two\nlines.csv"])
def test_a_name_that_no_table_can_hold_is_told(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_text(TABLE)
    for given in (path, tmp_path):
        with pytest.raises(RecordingError, match="its name is not UTF-8, or has a line break: rename it") as error:
            list(find_source(given).parts())
        assert "\n" not in str(error.value)
