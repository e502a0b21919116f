"""`har classify` on the command line."""

import csv
import io
import json
import os
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from classify.output import columns
from har.process.ending import OUTPUT_CLOSED
from model_store.release_folder import open_release
from tests.classify.recorded_files import NOON_S, write_walk
from tests.command_line import CommandLine, CommandResult
from tests.model_store.made_store import copied_release

CLASSES = open_release("baseline").manifest.classes


@pytest.fixture
def har(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(monkeypatch, capsys)


def classify(har: CommandLine, *words: str | Path) -> CommandResult:
    return har.call("classify", *map(str, words))


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_file_becomes_a_table_and_a_summary(har: CommandLine, tmp_path: Path) -> None:
    walk = write_walk(tmp_path / "anna.csv", 60, begin_s=NOON_S, rest_s=20)
    done = classify(har, walk, "-o", tmp_path / "windows.csv")
    assert done.status == 0, done.err
    rows = rows_of((tmp_path / "windows.csv").read_text("utf-8"))
    assert list(rows[0]) == columns(CLASSES)
    assert (rows[0]["file"], rows[0]["user"], rows[0]["start"]) == (str(walk), "anna", "2026-05-01T12:00:01.000000Z")
    assert len(rows) == 55
    assert {row["activity"] for row in rows[-25:]} == {"walk"}
    assert "Walking" in done.out
    assert "in 1 session, 55 windows, classified with baseline" in done.out
    assert "rate 50 Hz" in done.err  # what was understood


def test_from_pipe_to_pipe(tmp_path: Path) -> None:
    walk = write_walk(tmp_path / "anna.csv", 30)
    command = [sys.executable, "-m", "deploy", "classify", "-", "-o", "-", "--quiet"]
    done = subprocess.run(command, input=walk.read_bytes(), capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    rows = rows_of(done.stdout.decode())
    assert len(rows) == 25
    assert (rows[0]["file"], rows[0]["user"], rows[0]["start"]) == ("-", "standard-input", "1.000000")
    assert b"25 windows" in done.stderr


def test_files_folders_and_a_hop_of_ones_own(har: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    for name in ("anna.csv", "Åsa, [2].csv"):
        write_walk(tmp_path / "people" / name, 30)
    single = write_walk(tmp_path / 'say "hi", \\now.csv', 30)
    done = classify(har, tmp_path / "people", single, "--hop", "0.5", "--json", "--quiet", "-o", tmp_path / "w.csv")
    assert done.status == 0, done.err
    assert done.err == ""
    rows = rows_of((tmp_path / "w.csv").read_text("utf-8"))
    assert [user for user, _ in groupby(row["user"] for row in rows)] == ["anna", "Åsa, [2]", 'say "hi", \\now']
    summary = json.loads(done.out)
    assert summary["hop_seconds"] == 0.5
    assert [(each["user"], each["windows"]) for each in summary["sessions"]] == [
        ("anna", 51),
        ("Åsa, [2]", 51),
        ('say "hi", \\now', 51),
    ]
    assert sum(summary["seconds"].values()) == pytest.approx(3 * 29)
    assert classify(har, single, "--hop", "0.015").status == 2


def test_another_release_and_parquet(har: CommandLine, tmp_path: Path) -> None:
    release = copied_release(tmp_path, "mine")
    done = classify(har, write_walk(tmp_path / "a.csv", 20), "-o", tmp_path / "w.parquet", "--release", release)
    assert "classified with mine" in done.out
    table = pq.read_table(tmp_path / "w.parquet")
    assert table.column_names == columns(CLASSES)
    assert 0 < sum(table[f"p_{name}"][0].as_py() for name in CLASSES) <= 1 + 1e-6
    assert "personal" not in done.err
    assert classify(har, tmp_path / "a.csv", "--release", tmp_path / "none").status == 2


def test_a_personal_release_says_that_others_were_not_measured(har: CommandLine, tmp_path: Path) -> None:
    release = copied_release(tmp_path, "ours", personal=True, training_users=["phone/anna", "phone/ben"])
    done = classify(har, write_walk(tmp_path / "a.csv", 20), "--quiet", "--release", release)
    assert done.status == 0
    assert done.err == (
        "look at this: ours is a personal release, trained on phone/anna, phone/ben: how well it does for others was "
        "not measured\n"
    )


BAD = {
    "empty.csv": b"",
    "header.csv": b"time,x,y,z\n",
    "one_row.csv": b"time,x,y,z\n0,0,0,9.81\n",
    "nothing.csv": b"time,x,y,z\n" + b"".join(b"%.2f,nan,nan,nan\n" % (row / 50) for row in range(500)),
    "garbage.csv": bytes(range(256)) * 50,
    "short.csv": b"time,x,y,z\n" + b"".join(b"%.2f,0.1,0.2,%.2f\n" % (row / 50, 9.8 + row % 3) for row in range(99)),
    "other.csv": b"time,price\n" + b"".join(b"%d,2\n" % row for row in range(100)),
    "absent.csv": None,
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_told_in_a_line_and_nothing_is_written(har: CommandLine, tmp_path: Path, name: str) -> None:
    good, bad = write_walk(tmp_path / "good.csv", 20), tmp_path / name
    if BAD[name] is not None:
        bad.write_bytes(BAD[name])
    before = sorted(tmp_path.iterdir())
    done = classify(har, good, bad, "-o", tmp_path / "windows.csv", "--quiet")
    assert done.status == 2
    last = done.err.splitlines()[-1]
    assert last.startswith("har classify: ")
    assert name in last
    assert "Traceback" not in done.err
    assert done.out == ""
    assert sorted(tmp_path.iterdir()) == before


def test_a_finding_stops_unless_forced(har: CommandLine, tmp_path: Path) -> None:
    slow = write_walk(tmp_path / "slow.csv", 60, rate_hz=10)
    assert classify(har, slow, "-o", tmp_path / "w.csv").status == 2
    assert not (tmp_path / "w.csv").exists()
    forced = classify(har, slow, "-o", tmp_path / "w.csv", "--force")
    assert forced.status == 0
    assert {row["reason"] for row in rows_of((tmp_path / "w.csv").read_text())} == {"sparse"}
    assert "windows unknown, as the phone measures too rarely (sparse)" in forced.out


def test_a_file_that_is_read_is_not_overwritten(har: CommandLine, tmp_path: Path) -> None:
    walk = write_walk(tmp_path / "a.csv", 20)
    content = walk.read_bytes()
    done = classify(har, walk, "-o", tmp_path / "." / "a.csv")
    assert (done.status, walk.read_bytes()) == (2, content)
    assert "is read: write the answers to another file" in done.err


def test_a_table_that_cannot_be_written_is_a_failure(har: CommandLine, tmp_path: Path) -> None:
    walk = write_walk(tmp_path / "a.csv", 20)
    (tmp_path / ".w.csv.part").mkdir()
    done = classify(har, walk, "-o", tmp_path / "w.csv")
    assert done.status == 1
    assert done.err.endswith(f"har classify: {tmp_path}/.w.csv.part cannot be written: Is a directory\n")
    assert classify(har, walk, "-o", tmp_path / "w.xlsx").status == 2


@pytest.mark.parametrize("option", ["--output", "--plot"])
def test_a_folder_that_does_not_exist_is_told_before_anything_is_read(
    har: CommandLine, tmp_path: Path, option: str
) -> None:
    name = {"--output": "x.csv", "--plot": "x.html"}[option]
    done = classify(har, write_walk(tmp_path / "anna.csv", 10), option, tmp_path / "missing" / name)
    assert done.status == 2
    assert done.err == (
        f"har classify: {tmp_path}/missing/{name} cannot be written: there is no folder {tmp_path}/missing\n"
    )


def test_a_file_that_would_count_twice_is_refused(har: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    walk = write_walk(tmp_path / "people" / "anna.csv", 10)
    (tmp_path / "link.csv").symlink_to(walk)
    for first in (tmp_path / "people", tmp_path / "link.csv"):
        done = classify(har, first, walk)
        assert done.status == 2
        assert done.err.endswith(f"{walk} would be classified twice, in {first} and in {walk}: name it once\n")
    assert "in 1 session, 5 windows" in classify(har, walk, walk).out


def test_closed_standard_streams_are_told(har: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert "-: the standard input is closed: pipe a recording into it" in classify(har, "-").err
    walk = write_walk(tmp_path / "anna.csv", 10)
    monkeypatch.setattr(sys, "stdout", None)
    done = classify(har, walk, "-o", "-")
    assert done.status == 1
    assert done.err.endswith("the standard output is closed: there is nowhere to write the table to\n")


def test_a_reader_of_standard_error_that_has_ended_is_no_failure_to_write(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        command = [sys.executable, "-m", "deploy", "classify", str(write_walk(tmp_path / "anna.csv", 10))]
        done = subprocess.run(command, stderr=writing, stdout=subprocess.DEVNULL, timeout=120)
    finally:
        os.close(writing)
    assert done.returncode == OUTPUT_CLOSED
