"""Exports of Sensor Logger: which tables are read, and with which signs and labels."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from har.recordings import RecordingError
from recording_files import find_source
from recording_files.loading import load_recordings
from tests.recording_files.made_exports import (
    BEGIN_S,
    G,
    readings,
    sensor_logger_metadata,
    sensor_logger_table,
)
from tests.recording_files.made_files import write_files, zipped

GRAVITY = np.tile([0.0, G, 0.0], (len(readings()[1]), 1))


def files(platform: str = "android", *, is_standardised: bool = False) -> dict[str, str]:
    sign = -1 if platform == "ios" and not is_standardised else 1
    axes = sign * readings()[1]
    return {
        "Accelerometer.csv": sensor_logger_table(axes - sign * GRAVITY),
        "Gravity.csv": sensor_logger_table(sign * GRAVITY),
        "TotalAcceleration.csv": sensor_logger_table(axes),
        "AccelerometerUncalibrated.csv": sensor_logger_table(axes / G if sign < 0 else axes),
        "Gyroscope.csv": sensor_logger_table(axes * 0),
        "Metadata.csv": sensor_logger_metadata(platform, is_standardised=is_standardised),
    }


@pytest.mark.parametrize(("platform", "is_standardised"), [("android", False), ("ios", False), ("ios", True)])
@pytest.mark.parametrize(
    "left_out", [[], ["TotalAcceleration.csv"], ["TotalAcceleration.csv", "AccelerometerUncalibrated.csv"]]
)
def test_each_kind_of_table_gives_the_same_readings(
    tmp_path: Path, platform: str, *, is_standardised: bool, left_out: list[str]
) -> None:
    export = {
        name: text for name, text in files(platform, is_standardised=is_standardised).items() if name not in left_out
    }
    path = tmp_path / "2026-05-01_12-00-00.zip"
    path.write_bytes(zipped(export))
    (recording,) = load_recordings([path])
    np.testing.assert_allclose(recording.axes, readings()[1], atol=1e-3)
    assert (recording.device, recording.model) == ("abc-1", "Åsas telefon")
    assert recording.times[0] == BEGIN_S * 1_000_000


def test_what_is_left_out_of_exports_is_told(tmp_path: Path) -> None:
    write_files(
        tmp_path, {f"monday/{name}": text for name, text in files().items()} | {"mine.csv": "t,x,y,z\n0,0,0,9.8"}
    )
    total = tmp_path / "monday" / "TotalAcceleration.csv"
    total.write_text(total.read_text()[:-9])
    source = find_source(tmp_path)
    assert sum(map(len, source.parts())) == len(readings()[1]) - 1
    assert source.remarks() == [
        "left out, as the folder is read as exports of Sensor Logger: mine.csv. Pass other recordings by themselves",
        "left out of monday/TotalAcceleration.csv: the last row, which is cut off",
    ]


def as_json(export: dict[str, str]) -> str:
    rows = [
        {"sensor": name.removesuffix(".csv"), **row}
        for name, text in export.items()
        for row in csv.DictReader(io.StringIO(text))
    ]
    return json.dumps(rows)


@pytest.mark.parametrize(("platform", "is_standardised"), [("android", False), ("ios", False)])
def test_an_export_as_json_gives_the_same_as_one_as_csv(
    tmp_path: Path, platform: str, *, is_standardised: bool
) -> None:
    export = files(platform, is_standardised=is_standardised)
    path = tmp_path / "2026-05-01_12-00-00.json"
    path.write_text(as_json(export))
    assert find_source(path).understood()[0] == "format Sensor Logger"
    (recording,) = load_recordings([path])
    np.testing.assert_allclose(recording.axes, readings()[1], atol=1e-3)
    assert (recording.device, recording.session) == ("abc-1", "2026-05-01_12-00-00")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"sensor": "Gyroscope", "x": "1"}]', r"data of Sensor Logger has no accelerometer: switch it on in the app"),
        ('[{"sensor": "Gyroscope", "x": ', r"data\.json is no export of Sensor Logger: Input data was truncated"),
        ('{"readings": []}', r"data\.json is JSON, only read as an export of Sensor Logger: pass each"),
    ],
)
def test_json_without_readings_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "data.json"
    path.write_text(content)
    with pytest.raises(RecordingError, match=message):
        find_source(path)


def test_each_folder_or_archive_is_a_session(tmp_path: Path) -> None:
    write_files(tmp_path / "exports/monday", files())
    (tmp_path / "exports/tuesday.zip").write_bytes(zipped(files()))
    sessions = [recording.session for recording in load_recordings([tmp_path / "exports"])]
    assert sessions == ["monday", "tuesday"]


def test_an_annotation_lasts_until_the_next(tmp_path: Path) -> None:
    begin = BEGIN_S * 10**9
    annotations = (
        "time,seconds_elapsed,text,millisecond_press_duration\n"
        f"{begin + 10**9},1.0,Walking,0\n{begin + 15 * 10**8},1.5,,0\n{begin + 2 * 10**9},2.0,Tai Chi,0\n"
        f"{begin + 3 * 10**9},3.0,stop,0\n"
    )
    (recording,) = load_recordings([write_files(tmp_path / "e", {**files(), "Annotation.csv": annotations})])
    assert recording.labels[::100].tolist() == ["null", "walk", "tai_chi", "null"]


def test_an_export_without_gravity_says_what_to_switch_on(tmp_path: Path) -> None:
    only = {name: text for name, text in files().items() if name in ("Accelerometer.csv", "Metadata.csv")}
    with pytest.raises(RecordingError, match=r"lacks gravity, and Gravity\.csv is missing: switch on Gravity"):
        find_source(write_files(tmp_path / "e", only))
