"""A real recording gets the same answers in every format, and real files of others are understood."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

import har
from classify.classifier import Classifier
from har.recordings import RecordingError
from recording_files import find_source
from recording_files.loading import recordings_of
from tests.recording_files import made_exports
from tests.recording_files.made_exports import EXPORTS, sensor_logger_metadata, sensor_logger_table, write_export
from tests.recording_files.made_files import write_files

#: Readings of a piece, at 50 Hz: a minute of one activity.
PIECE = 3_000
#: The rounding of a format may turn a window that is on the border between two classes.
LEAST_AGREEMENT = 0.98

pytestmark = pytest.mark.recordings


@pytest.fixture(scope="module")
def real(shared_data: Path) -> tuple[np.ndarray, list[str]]:
    """Return readings of a wearer of the pocket recordings, and the answers of the shipped release."""
    (recording, *_) = recordings_of(find_source(shared_data / "pocket_6_users.parquet"))
    begin = int(np.flatnonzero(recording.labels == "walk")[0])
    axes = recording.axes[begin : begin + PIECE].astype(np.float64)
    return axes, list(baseline().predict(axes, rate_hz=50)["activity"])


@pytest.fixture
def written_as_real(real: tuple[np.ndarray, list[str]], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let exports hold the real readings; return their answers."""
    axes, answers = real
    monkeypatch.setattr(made_exports, "readings", lambda: (np.arange(len(axes)) / 50, axes))
    return answers


@cache
def baseline() -> Classifier:
    return har.load("baseline")


def agreement(path: Path, answers: list[str]) -> float:
    found = list(baseline().predict(path)["activity"])
    assert abs(len(found) - len(answers)) <= 1  # windows begin at whole seconds of the format's clock
    return float(np.mean([one == other for one, other in zip(found, answers, strict=False)]))


@pytest.mark.parametrize("name", EXPORTS)
def test_a_real_walk_gets_the_same_answers_in_every_format(
    tmp_path: Path, written_as_real: list[str], name: str
) -> None:
    assert written_as_real.count("walk") > len(written_as_real) / 2
    assert agreement(write_export(tmp_path, name), written_as_real) >= LEAST_AGREEMENT


def test_a_real_walk_gets_the_same_answers_from_sensor_logger(tmp_path: Path, written_as_real: list[str]) -> None:
    axes = made_exports.readings()[1]
    files = {
        "AccelerometerUncalibrated.csv": sensor_logger_table(-axes / made_exports.G),
        "Metadata.csv": sensor_logger_metadata("ios"),
    }
    assert agreement(write_files(tmp_path, files), written_as_real) >= LEAST_AGREEMENT


def test_files_of_geotec_are_understood(shared_data: Path) -> None:
    source = find_source(shared_data / "geotec")
    recordings = recordings_of(source)
    assert {recording.user for recording in recordings} == {"s01", "s02", "s03", "s04"}
    assert len(recordings) == 35
    assert {"walk", "sit"} < {str(label) for recording in recordings for label in recording.labels}
    assert ["executions_info.csv" in remark for remark in source.remarks()] == [True]


def test_a_table_without_readings_is_asked_about(shared_data: Path) -> None:
    with pytest.raises(RecordingError, match=r"hhar_still_summary\.csv: .*Its columns are model, device, orientation"):
        find_source(shared_data / "hhar_still_summary.csv")
