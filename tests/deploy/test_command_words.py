"""A word of the command line is one value of a list, whatever signs are in it."""

from pathlib import Path

import pytest

from deploy.cli import read_settings

NAMES = ["a,b.csv", "[x].csv", '{"y": 1}', 'say "hi"', "back\\slash\\", "1.5", "null", "true", " space ", "Åsa", "-"]


def test_names_of_files_are_not_split_or_read_as_json() -> None:
    assert read_settings("classify", NAMES).files == NAMES
    options = [word for name in NAMES for word in ("--data", name)]
    assert [str(path) for path in read_settings("train", [*options, "--output", "o"]).data] == NAMES


@pytest.mark.parametrize("option", ["-o", "--output"])
def test_the_output_has_a_short_option(option: str) -> None:
    assert str(read_settings("classify", ["a.csv", option, "out.csv"]).output) == "out.csv"


@pytest.mark.parametrize("words", ["a.csv -o x.csv b.csv", "-o x.csv a.csv b.csv"])
def test_files_may_stand_on_both_sides_of_an_option(words: str) -> None:
    settings = read_settings("classify", words.split())
    assert settings.model_dump(include={"files", "output"}) == {"files": ["a.csv", "b.csv"], "output": Path("x.csv")}


def test_a_name_that_begins_with_a_hyphen_follows_two_hyphens() -> None:
    assert read_settings("classify", ["-o", "x.csv", "--", "-odd.csv", "b.csv"]).files == ["-odd.csv", "b.csv"]


def test_a_file_whose_name_begins_as_an_option_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("-odd.csv", "--quiet"):
        Path(name).write_text("")
    with pytest.raises(SystemExit, match="2"):
        read_settings("classify", ["-odd.csv"])
    assert "the name of the file -odd.csv begins as an option does: write ./-odd.csv" in capsys.readouterr().err
    assert read_settings("classify", ["a.csv", "--quiet"]).files == ["a.csv"]
