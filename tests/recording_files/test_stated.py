"""What a person states about the columns of a file, by options of a command or behind the path of a data set."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from har.recordings import RecordingError
from recording_files import find_source
from recording_files.column_options import NOTHING_STATED, ColumnOptions
from recording_files.layout import TimeUnit, Unit
from recording_files.settings import RecordingFileSettings
from recording_files.stated import split_stated, with_options

EVERYTHING = ColumnOptions(
    axes=("acc x", "acc 'y'", 'acc "z"'),
    time="t--t",
    time_unit=TimeUnit.NANOSECONDS,
    rate_hz=1000 / 7,
    unit=Unit.MILLI_G,
    is_inverted=True,
    texts={"gt": "Tätigkeit", "user": "who", "session": "s", "device": "d", "model": "m"},
    encoding="cp1252",
)


def test_the_options_of_a_command_state_the_columns() -> None:
    settings = RecordingFileSettings(
        time="t--t", time_unit="ns", x="acc x", y="acc 'y'", z='acc "z"', rate_hz=1000 / 7, unit="mg", signs="iphone",
        label="Tätigkeit", user="who", session="s", device="d", model="m", encoding="windows-1252",
    )  # fmt: skip
    assert settings.columns() == EVERYTHING
    assert RecordingFileSettings().columns() == NOTHING_STATED


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"x": "a", "y": "b"}, "name all three axes with --x, --y and --z, or none"),
        ({"encoding": "klingon"}, "'klingon' is no encoding"),
    ],
)
def test_options_that_cannot_be_meant_are_rejected(stated: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RecordingFileSettings.model_validate(stated)


def test_a_text_states_all_that_holds_for_a_data_set() -> None:
    (text,) = with_options(["my walks.csv"], EVERYTHING)
    assert split_stated(text) == (Path("my walks.csv"), EVERYTHING)
    assert with_options(["a.csv"], NOTHING_STATED) == ("a.csv",)


def test_a_path_that_exists_is_not_split(tmp_path: Path) -> None:
    path = tmp_path / "walks --unit g"
    path.touch()
    assert split_stated(path) == (path, NOTHING_STATED)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--units g", "there is no option --units; the options of a data set are --time, --time-unit"),
        ("--unit", "--unit needs a value"),
        ("--unit stone", r"--unit: Input should be 'm/s2', 'g' or 'mg'"),
        ("--x a", "name all three axes"),
        ("--label 'a", "No closing quotation"),
    ],
)
def test_options_behind_a_path_are_checked(options: str, message: str) -> None:
    with pytest.raises(RecordingError, match=rf"walks\.csv: its options {options.split(maxsplit=1)[0]}.*: {message}"):
        find_source(f"walks.csv {options}")
