"""Answers for the windows of files are those for whole recordings."""

from pathlib import Path

import numpy as np
import pytest

from classify.answers import answers
from classify.windows import DataSetWindows
from har.predictions import Prediction
from har.session_references import judged_in_order
from har.upright import NO_REFERENCE
from har.windowing import recording_windows
from model_store.onnx_classifier import OnnxClassifier
from recording_files import find_source
from recording_files.loading import recordings_of


@pytest.fixture(scope="module")
def baseline() -> OnnxClassifier:
    return OnnxClassifier.open("baseline")


def walk(folder: Path, name: str, seconds: int, rate_hz: int = 50) -> Path:
    rng = np.random.default_rng(len(name))
    lines = ["t,x,y,z"]
    for number in range(seconds * rate_hz):
        x, y, z = rng.normal([0, 9.8, 0], 2).round(4)
        lines.append(f"{number / rate_hz:.4f},{x},{y},{z}")
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def test_answers_equal_those_of_whole_recordings_bit_for_bit(
    tmp_path: Path, baseline: OnnxClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("classify.windows.PIECE_READINGS", 333)
    monkeypatch.setattr("recording_files.text_reading.BLOCK_BYTES", 4_096)
    for name in ("anna.csv", "ben.csv"):
        walk(tmp_path, name, 90)
    source = find_source(tmp_path)
    found = list(answers(DataSetWindows(baseline.manifest.window_spec).cut(source.parts()), baseline))
    expected = []
    for recording in recordings_of(source):
        windows = recording_windows(recording.times, recording.axes, baseline.manifest.window_spec)
        rows = baseline.probabilities(windows.values)
        alone = [
            Prediction.of_window(baseline.manifest, recording.device, recording.session, start, row, 0)
            for start, row in zip(windows.starts.tolist(), rows, strict=True)
        ]
        made, _ = judged_in_order(zip(alone, windows.values, strict=True), baseline.manifest, NO_REFERENCE)
        expected += [(recording.user, each.start, each.activity, each.confidence) for each in made]
    assert len(found) > 150
    got = [(session.user, made.start, made.activity, made.confidence) for session, made in found]
    assert sorted(got) == sorted(expected)


def test_sparse_readings_have_a_reason_and_no_activity(tmp_path: Path, baseline: OnnxClassifier) -> None:
    source = find_source(walk(tmp_path, "slow.csv", 60, rate_hz=10))
    found = list(answers(DataSetWindows(baseline.manifest.window_spec).cut(source.parts()), baseline))
    assert {(made.activity, made.reason) for _, made in found} == {("unknown", "sparse")}
    assert set(found[0].prediction.probabilities.values()) == {1 / len(baseline.manifest.classes)}
