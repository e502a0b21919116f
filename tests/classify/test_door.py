"""The Python door: one answer for a recording, however it is passed."""

import warnings
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd
import pytest

import har
from classify.data import ColumnStatements
from classify.output import columns
from har.recordings import RecordingError, RecordingWarning
from recording_files.settings import ColumnFields
from tests.command_line import CommandLine
from tests.model_store.made_store import MadeStore
from tests.model_store.served_store import served

SECONDS = 30
IN_US = 1_777_636_800_000_000 + np.arange(SECONDS * 50) * 20_000


@pytest.fixture(scope="module")
def model() -> har.Classifier:
    return har.load()


@pytest.fixture(scope="module")
def axes() -> np.ndarray:
    """A phone in a pocket: a step of two per second and noise, m/s²."""
    seconds = np.arange(SECONDS * 50) / 50
    sway = 3 * np.sin(2 * np.pi * 2 * seconds)[:, None] * [0.3, 1, 0.4]
    noise = np.random.default_rng(5).normal(0, 0.4, (len(seconds), 3))
    return (sway + noise + [0.5, 9.6, 1.2]).round(4)


@pytest.fixture(scope="module")
def frame(axes: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"t": IN_US, **dict(zip("xyz", axes.T, strict=True))})


def test_a_caller_states_what_the_options_of_commands_do() -> None:
    options = {name: set(get_args(field.annotation)) for name, field in ColumnFields.model_fields.items()}
    for name, kind in get_type_hints(ColumnStatements).items():
        known = options.pop(name)
        if get_origin(kind) is Literal:
            assert kind in known
    assert options == {}


def test_a_release_names_its_classes(model: har.Classifier) -> None:
    assert model.classes == model.manifest.classes == ["sit", "stand", "walk", "stairsup", "stairsdown", "jog", "lie"]
    assert repr(model) == f"<Classifier {model.manifest.release}: sit, stand, walk, stairsup, stairsdown, jog, lie>"


def test_file_frame_and_array_have_the_same_answers(
    tmp_path: Path, model: har.Classifier, axes: np.ndarray, frame: pd.DataFrame
) -> None:
    frame.to_csv(tmp_path / "walk.csv", index=False)
    of_frame = model.predict(frame)
    assert list(of_frame.columns) == columns(model.classes)
    assert len(of_frame) > 20
    assert of_frame["start"][0].startswith("2026-05-01T12:00:")
    assert (
        model.predict(tmp_path / "walk.csv")
        .drop(columns=["file", "user", "session"])
        .equals(of_frame.drop(columns=["file", "user", "session"]))
    )
    assert model.predict(axes, IN_US).equals(of_frame)
    assert model.predict(axes / 9.80665, IN_US / 1e6, unit="g")["activity"].equals(of_frame["activity"])
    assert model.predict(-axes, IN_US, signs="iphone").equals(of_frame)
    assert model.predict(har.read(frame)).equals(of_frame)
    renamed = frame.rename(columns={"t": "when", "x": "a", "y": "b", "z": "c"})
    assert model.predict(renamed, time="when", x="a", y="b", z="c").equals(of_frame)


def test_answers_are_the_table_that_the_command_writes(
    tmp_path: Path,
    model: har.Classifier,
    frame: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    frame.to_csv("walk.csv", index=False)
    assert CommandLine(monkeypatch, capsys).call("classify", "walk.csv", "-o", "windows.parquet").status == 0
    assert model.predict("walk.csv").equals(pd.read_parquet("windows.parquet"))


def test_answers_come_session_by_session_like_windows(model: har.Classifier, frame: pd.DataFrame) -> None:
    # Sessions are longer than readings are held back, so that windows of both are ready before the end.
    long = pd.concat([frame.assign(t=frame["t"] + number * SECONDS * 1_000_000) for number in range(3)])
    halves = [long.assign(session=name, user=f"user {name}", t=long["t"] + 7_000 * len(name)) for name in ("b", "aa")]
    mixed = pd.concat(halves).sort_values("t", kind="stable")
    answers, cut = model.predict(mixed), har.windows(mixed)
    who = ["user", "device", "session", "start_us"]
    assert answers[who].equals(cut.table[who])
    assert answers["session"].drop_duplicates().tolist() == ["b", "aa"]
    assert (answers.groupby("session")["start_us"].diff().dropna() > 0).all()


def test_windows_that_are_cut_already_have_the_same_answers(model: har.Classifier, frame: pd.DataFrame) -> None:
    cut = har.windows(frame)
    expected = model.predict(frame)
    assert cut.table["start_us"].tolist() == expected["start_us"].tolist()
    found = model.predict(cut.values)
    assert found.equals(expected[found.columns])
    assert list(found.columns)[:3] == ["activity", "confidence", "reason"]
    assert model.predict(cut.values / np.float32(9.80665), unit="g")["activity"].equals(found["activity"])
    assert len(model.predict(cut.values[:0])) == 0
    assert model.predict(cut.values[:0]).dtypes.equals(found.dtypes)


def test_a_recording_too_short_for_a_window_stops_or_has_an_empty_table(
    model: har.Classifier, frame: pd.DataFrame
) -> None:
    with pytest.raises(RecordingError, match=r"long enough for a window of 4 s.*Record longer"):
        model.predict(frame.head(150))
    with pytest.warns(RecordingWarning, match="long enough for a window of 4 s"):
        found = model.predict(frame.head(150), force=True)
    assert len(found) == 0
    assert found.dtypes.equals(model.predict(frame).dtypes)


def test_windows_in_g_stop(model: har.Classifier, frame: pd.DataFrame) -> None:
    in_g = har.windows(frame).values / np.float32(9.80665)
    with pytest.raises(RecordingError, match=r"stops: windows: .*the readings are in g\. Multiply"):
        model.predict(in_g)
    with pytest.raises(RecordingError, match="the readings are in g"):
        har.ActivityClassifier().predict(in_g)
    with pytest.warns(RecordingWarning, match="the readings are in g"):
        assert len(har.ActivityClassifier(force=True).predict(in_g)) == len(in_g)


def test_windows_have_labels_and_sessions(frame: pd.DataFrame) -> None:
    labelled = frame.assign(activity=np.where(np.arange(len(frame)) < 750, "Walking", "sit"), user="Åsa")
    cut = har.windows(labelled)
    assert len(cut) == len(cut.table) == len(cut.values)
    assert set(cut.table["user"]) == {"Åsa"}
    labels = cut.table["label"].tolist()
    mixed = labels.count(None)
    assert (labels[0], labels[-1], 3 <= mixed <= 5) == ("walk", "sit", True)
    faster = har.windows(frame, spec=har.WindowSpec(hop_us=500_000))
    assert len(faster) >= 2 * len(cut) - 2


def test_a_file_is_read_in_the_projects_columns(tmp_path: Path, frame: pd.DataFrame) -> None:
    (frame.rename(columns={"t": "time"}).assign(label="Walking")).to_csv(tmp_path / "anna.csv", index=False, sep=";")
    found = har.read(tmp_path / "anna.csv")
    assert found.dtypes.astype(str).to_dict() == {
        **dict.fromkeys(("user", "device", "model", "session", "gt"), "category"),
        "t": "int64",
        **dict.fromkeys("xyz", "float32"),
    }
    assert (found["user"][0], found["gt"][0], found["t"].tolist()) == ("anna", "walk", IN_US.tolist())
    assert "axes x, y, z in m/s²" in found.attrs["understood"]
    assert "cells separated by semicolons" in found.attrs["understood"]


def test_missing_readings_are_no_activity(model: har.Classifier, axes: np.ndarray) -> None:
    broken = axes.copy()
    broken[700:740] = np.nan
    with pytest.warns(RecordingWarning, match=r"row 700 .* 40 of 1,500 readings are NaN, infinite or missing"):
        found = model.predict(broken, rate_hz=50)
    around = found[(found["start_us"] > 10_000_000) & (found["start_us"] < 14_800_000)]
    assert len(around) >= 4
    assert set(around["activity"]) == {"unknown"}
    assert set(around["reason"]) == {"pauses"}
    assert found[[f"p_{name}" for name in model.classes]].notna().all(axis=None)
    whole = model.predict(axes, rate_hz=50)
    before = whole["start_us"] < 9_000_000
    assert found[before].equals(whole[before])


def test_what_makes_answers_meaningless_stops_unless_forced(model: har.Classifier, axes: np.ndarray) -> None:
    in_ms_taken_for_us = np.arange(len(axes)) * 20
    with pytest.raises(RecordingError, match=r"stops: array .*force=True"):
        model.predict(axes, in_ms_taken_for_us)
    with pytest.warns(RecordingWarning, match="stops: array"):
        model.predict(axes, in_ms_taken_for_us, force=True)
    with pytest.warns(RecordingWarning, match="stops: array"):
        har.read(axes, in_ms_taken_for_us)


@pytest.mark.parametrize(
    ("data", "given", "text"),
    [
        (np.zeros((2, 100, 3)), {}, r"windows for baseline-\S+ have the shape \(n, 200, 3\), not \(2, 100, 3\)"),
        (np.full((2, 200, 3), np.inf), {}, r"2 window\(s\) hold NaN or infinity, first window 0"),
        (np.zeros((2, 200, 3)), {"rate_hz": 50}, "windows that are cut already take no rate_hz="),
        (np.zeros((2, 200, 3)), {"times": [0, 1]}, "windows that are cut already take no times="),
        (np.zeros((9, 3)), {"rate_hz": 50, "time": "t"}, "readings in an array take no time="),
        (np.zeros((9, 3)), {"rate_hz": 50, "unit": "G"}, "unit: Input should be 'm/s2', 'g' or 'mg'"),
        (np.full((9, 3), "1"), {"rate_hz": 50}, "an array of readings holds real numbers, not <U1"),
        (np.full((2, 200, 3), 1j), {}, "an array of readings holds real numbers, not complex128"),
        (np.full((9, 3), "x", object), {"rate_hz": 50}, "an array of readings holds numbers only: could not convert"),
        (pd.DataFrame({"a": [1]}), {"times": [1]}, "times= belongs to an array"),
        ("nowhere.csv", {}, r"nowhere\.csv cannot be read: there is no such file or folder"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(
    model: har.Classifier, data: object, given: dict[str, object], text: str
) -> None:
    with pytest.raises(RecordingError, match=text):
        model.predict(data, **given)


def test_errors_and_warnings_name_arguments_of_python(model: har.Classifier, axes: np.ndarray) -> None:
    frame = pd.DataFrame(dict(zip("xyz", axes.T, strict=True)))
    for ask in (model.predict, har.read, har.windows):
        with pytest.raises(RecordingError, match=r"the times \(time= and time_unit=, or rate_hz= if there are none\)"):
            ask(frame)
    with pytest.raises(RecordingError, match=r"State the unit with unit="):
        model.predict(axes / 9.80665, rate_hz=50)


def test_a_warning_names_the_line_of_the_caller(model: har.Classifier, axes: np.ndarray) -> None:
    in_g = axes / 9.80665
    cut = har.windows(axes, rate_hz=50).values / 9.80665
    with pytest.warns(RecordingWarning) as found:
        model.predict(in_g, rate_hz=50, force=True)
        model.predict(cut, force=True)
        har.ActivityClassifier(force=True).predict(cut)
        har.read(in_g, rate_hz=50)
    assert {warning.filename for warning in found} == {__file__}
    assert len({warning.lineno for warning in found}) == 4


def test_an_unknown_argument_is_a_type_error(model: har.Classifier) -> None:
    with pytest.raises(TypeError, match=r"unknown argument speed; known are time, time_unit, x, y, z, unit, signs"):
        model.predict("walk.csv", speed=2)


def test_a_release_of_a_store_is_verified(tmp_path: Path) -> None:
    store = MadeStore.make(tmp_path)
    store.publish("mine")
    root = tmp_path / "trusted_root.json"
    root.write_bytes(store.root)
    with served(Path(store.storage.url)) as server:
        model = har.load(server.url, trusted_root=root, folder=tmp_path / "kept")
    assert model.manifest.release == "mine"
    with pytest.raises(har.ReleaseError, match="no release at nowhere"):
        har.load("nowhere")
    with pytest.raises(har.ReleaseError, match=r"no trusted root .* pass its path with trusted_root="):
        har.load("http://127.0.0.1:1", trusted_root=tmp_path / "absent.json")


@pytest.mark.parametrize("data", [[[0.0, 9.8, 0.3]] * 900, {"x": [0.0]}, None, b"walk.csv", pd.Series([1.0])])
def test_what_is_no_recording_is_a_type_error(model: har.Classifier, data: object) -> None:
    for ask in (model.predict, har.read, har.windows):
        with pytest.raises(TypeError, match=r"a pandas DataFrame or a NumPy array, not (list|dict|None|bytes|Series)"):
            ask(data)


def test_times_with_a_zone_are_read(model: har.Classifier, axes: np.ndarray) -> None:
    local = pd.Series(pd.to_datetime(IN_US, unit="us", utc=True)).dt.tz_convert("Europe/Stockholm")
    for times in (local, pd.DatetimeIndex(local)):
        assert har.read(axes, times)["t"].tolist() == IN_US.tolist()


def test_windows_of_a_bad_recording_are_a_warning(axes: np.ndarray) -> None:
    with pytest.warns(RecordingWarning, match=r"^stops: array \(device phone\): .*the readings are in g"):
        assert len(har.windows(axes / 9.80665, rate_hz=50)) > 20


def test_a_recording_that_the_shipped_releases_can_classify_is_read_without_a_warning():
    axes = np.random.default_rng(0).normal([0, 0, 9.8], 2, (500, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(har.windows(axes, rate_hz=25).values)
