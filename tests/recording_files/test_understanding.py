"""Every command tells what it understood of a file, in the same words."""

import io
from pathlib import Path

import pandas as pd
import pytest

from recording_files import find_source
from recording_files.checking import DataSetCheck
from recording_files.formats.in_memory import FrameSource
from recording_files.understanding import print_understood
from tests.recording_files.made_exports import write_export
from tests.recording_files.made_files import recording_columns, write_table


def printed(path: Path | str, rates_hz: tuple[float, ...] = (50,)) -> list[str]:
    source, checked, file = find_source(path), DataSetCheck(), io.StringIO()
    for part in source.parts():
        checked.add(part)
    print_understood(source, checked.contents, rates_hz, file=file)
    return [line.strip() for line in file.getvalue().splitlines()]


def test_format_columns_unit_time_rate_users_sessions_and_labels_are_told(tmp_path: Path) -> None:
    path = write_export(tmp_path, "usual names, ms")
    assert printed(path) == [
        f"{path}:",
        "format usual column names",
        "axes acc_x, acc_y, acc_z in m/s²",
        "time timestamp in ms",
        "user from subject, label from Activity",
        "encoding utf-16, cells separated by tabs",
        "session by the names of files and folders",
        "400 readings from 2026-05-01 12:00:00 UTC to 2026-05-01 12:00:03 UTC",
        "rate 50 Hz",
        "1 user: Anna",
        "1 session",
        "1 label: walk (400 readings)",
    ]


def test_added_gravity_signs_and_missing_times_are_told(tmp_path: Path) -> None:
    told = printed(write_export(tmp_path, "MotionSense"))
    assert told[2].endswith("+ gravity gravity.x, gravity.y, gravity.z in g, signs as on an iPhone")
    assert told[3] == "time row number / 50 Hz"
    assert "no labels" in told


def test_columns_that_are_not_read_are_named_if_none_holds_labels(tmp_path: Path) -> None:
    columns = {"t": [0.0, 0.02], "x": [0.0, 0.0], "y": [0.0, 0.0], "z": [9.8, 9.8], "Tätigkeit": ["sägen", "sägen"]}
    frame = pd.DataFrame(columns)
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.rename(columns={"t": "time"}).to_parquet(tmp_path / "b.parquet")
    for data in (tmp_path / "a.csv", tmp_path / "b.parquet"):
        assert "not read: Tätigkeit" in find_source(data).understood()
    assert "not read: Tätigkeit" in FrameSource(frame).understood()
    assert not any("not read" in fact for fact in find_source(f"{tmp_path / 'a.csv'} --label Tätigkeit").understood())


def test_people_and_sessions_of_a_table_are_counted(tmp_path: Path) -> None:
    sessions = [recording_columns(user, session=session) for user in ("ben", "anna") for session in ("s1", "s2")]
    told = printed(write_table(tmp_path / "data.parquet", *sessions), (49.0, 50.0, 52.0))
    assert told[3:] == [
        "rates 49 to 52 Hz, half of the sessions below 50 Hz",
        "2 users: ben, anna",
        "4 sessions",
        "2 labels: sit (6,000 readings), walk (6,000 readings)",
    ]


def test_nothing_is_printed_if_the_person_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = find_source(write_export(tmp_path, "phyphox"))
    print_understood(source, quiet=True)
    assert capsys.readouterr().err == ""
    print_understood(source)
    assert "format phyphox" in capsys.readouterr().err
