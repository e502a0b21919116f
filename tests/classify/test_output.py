"""Tables of answers: their kinds, their columns, and that they appear whole or not at all."""

import csv
import json
from errno import ENOSPC
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from classify.answers import Answer
from classify.output import columns, opened_table
from classify.windows import Session
from har.predictions import Prediction

CLASSES = ("sit", "walk")
SESSION = Session("p1", "m", "Åsa", "s1", Path("walk.csv"), 1_500_000)
FIRST_US = 1_777_636_800_000_000
FOUND = [
    Answer(SESSION, Prediction("p1", "s1", FIRST_US, FIRST_US + 4, "walk", 0.75, {"sit": 0.25, "walk": 0.75}, "r", 0)),
    Answer(
        SESSION,
        Prediction("p1", "s1", 2_000_000, 4, "unknown", 0.5, {"sit": 0.5, "walk": 0.5}, "r", 0, reason="sparse"),
    ),
    Answer(
        SESSION,
        Prediction(
            *("p1", "s1", 3_000_000, 4, "unknown", 0.75, {"sit": 0.25, "walk": 0.25}, "r", 0),
            kind="table",
            background={"table": 0.5},
            lean=0.5,
        ),
    ),
]


def rows_without(suffix: str) -> str | None:
    """What a row has for a number that it lacks."""
    return "" if suffix in (".csv", ".tsv") else None


def rows_of(path: Path) -> list[dict[str, object]]:
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    text = path.read_text("utf-8")
    if path.suffix in (".jsonl", ".ndjson"):
        return [json.loads(line) for line in text.splitlines()]
    return list(csv.DictReader(text.splitlines(), delimiter="\t" if path.suffix == ".tsv" else ","))


def test_a_failed_write_names_the_table(tmp_path: Path) -> None:
    path = tmp_path / "windows.csv"
    with pytest.raises(OSError, match="No space left") as caught, opened_table(path, CLASSES):
        raise OSError(ENOSPC, "No space left on device")  # as a write to a full disk does
    assert caught.value.filename == str(path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".jsonl", ".ndjson"])
def test_each_kind_holds_the_same_rows(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"windows{suffix}"
    with opened_table(path, CLASSES) as write:
        for answer in FOUND:
            write(answer)
        assert not path.exists()
    first, second, third = rows_of(path)
    assert list(first) == columns(CLASSES)
    assert (first["start"], second["start"]) == ("2026-05-01T12:00:00.000000Z", "0.500000")
    assert (first["user"], first["activity"], float(str(first["p_walk"]))) == ("Åsa", "walk", 0.75)
    assert (first["file"], int(str(second["start_us"]))) == ("walk.csv", 2_000_000)
    assert (first["kind"], second["kind"], third["kind"]) == ("", "", "table")
    assert (first["lean"], float(str(third["lean"]))) == (rows_without(suffix), pytest.approx(60))
    assert (second["reason"], float(str(second["confidence"]))) == ("sparse", 0.5)
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_left_of_a_table_that_could_not_be_finished(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), opened_table(tmp_path / "windows.parquet", CLASSES) as write:
        write(FOUND[0])
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_another_suffix_is_rejected(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match=r"windows\.xlsx: the name must end with \.csv"),
        opened_table(tmp_path / "windows.xlsx", CLASSES),
    ):
        pass


def test_a_hyphen_is_the_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    with opened_table(Path("-"), CLASSES) as write:
        write(FOUND[0])
    assert capsys.readouterr().out.splitlines()[1].startswith("walk.csv,Åsa,p1,s1,2026-05-01T12:00:00.000000Z,")
