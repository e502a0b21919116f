"""A word of the command line is one value of a list, whatever signs are in it."""

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
