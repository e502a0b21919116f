"""`har cross-validate` on generated people with a tiny network: who is trained on and who is tested."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deploy.cli import main
from har.recordings import Recording
from tests.trainer import tiny_network
from tests.trainer.made_recordings import made_recording
from trainer.commands import cross_validate
from trainer.commands.cross_validate import describe, evaluate_protocol, network_trainer, pool_spec_of
from trainer.evaluation.pools import PoolSpec, make_pools
from trainer.evaluation.protocols import by_user
from trainer.evaluation.recordings_to_test import EvaluationData
from trainer.request import TrainRequest

TINY = [
    "--network", tiny_network.NAME, "--epochs", "1", "--windows-per-epoch", "64", "--threads", "1",
    "--classes", "sit", "--classes", "walk",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _tiny_network_known():
    with tiny_network.known():
        yield


def table_of(recordings: list[Recording]) -> pa.Table:
    parts = [
        pa.table({
            "user": [each.user] * len(each.times), "device": [each.device] * len(each.times),
            "model": [each.model] * len(each.times), "session": [each.session] * len(each.times), "t": each.times,
            **{name: each.axes[:, axis] for axis, name in enumerate("xyz")}, "gt": each.labels.tolist(),
        })
        for each in recordings
    ]  # fmt: skip
    return pa.concat_tables(parts)


@pytest.fixture
def table(tmp_path):
    def write(recordings: list[Recording], name: str = "made") -> str:
        path = tmp_path / f"{name}.parquet"
        pq.write_table(table_of(recordings), path)
        return str(path)

    return write


def people(count: int, seconds: float = 48) -> list[Recording]:
    labels = ("sit", "walk", "null")
    return [made_recording(f"u{number:02}", seconds=seconds, labels=labels) for number in range(count)]


def test_protocols_are_reported_side_by_side_with_a_warning_for_the_leaky_one(table, tmp_path, capsys):
    report = tmp_path / "report.html"
    reserved = made_recording("u21", device="galaxy_s2", labels=("sit", "walk", "null"))
    data = table([*people(6), reserved])
    words = ["--data", data, "--protocol", "users", "--protocol", "leaky", "--folds", "2", *TINY]
    assert main(["cross-validate", *words, "--output", str(report), "--json"]) == 0
    captured = capsys.readouterr()
    users, leaky = json.loads(captured.out)
    assert (users["protocol"], users["warning"]) == ("2 folds by user", "")
    assert [user["name"] for user in users["measures"]["users"]] == [f"made/u{number:02}" for number in range(6)]
    assert 0 <= users["threshold"]["threshold"] < 1
    assert users["measures"]["unknown"]["outside_windows"] == 0  # null windows may show any activity
    assert [fold["name"].partition(" made/")[0] for fold in users["folds"]] == ["without"] * 2
    assert [group["name"] for group in users["data_sets"]] == ["made"]
    assert "at random" in leaky["warning"]
    assert leaky["threshold"] is None
    assert leaky["measures"]["windows"] < users["measures"]["windows"]
    page = report.read_text("utf-8")
    assert "Side by side" in page
    assert page.count("Not a figure for unseen people") == 1
    assert "2 folds by user, 2 of 2: without made/" in captured.err
    assert "excluded the reserved test users galaxy_s2/u21" in captured.err
    assert "galaxy_s2" not in captured.out


def test_few_people_are_split_in_time_with_a_warning(table, capsys):
    assert main(["cross-validate", "--data", table(people(2, seconds=120)), *TINY]) == 0
    captured = capsys.readouterr()
    assert "fewer than 5 people: split their recordings in time" in captured.err
    assert "WARNING: not a figure for unseen people. Too few people" in captured.out
    assert "blocked in time, seed 0: " in captured.out
    assert "threshold of" not in captured.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--classes", "sit", "--classes", "jump"], "to train on is labelled jump: add recordings of it, or leave"),
        (["--classes", "sit", "--classes", "walk", "--folds", "9"], "6 people cannot be divided into 9 folds"),
        (["--classes", "sit", "--classes", "walk", "--protocol", "leave-one-model-out"], "at least 2 models"),
        (["--classes", "sit", "--classes", "walk", "--placement", "pocket"], "nobody to test with that placement"),
        (["--classes", "sit", "--classes", "walk", "--network", "huge"], "no network called 'huge'"),
        (["--data", "missing.parquet"], "missing.parquet"),
    ],
)
def test_impossible_requests_are_rejected_with_the_reason(table, capsys, words, message):
    status = 2 if {"--placement", "missing.parquet"} & set(words) else 1
    assert main(["cross-validate", "--data", table(people(6)), "--epochs", "1", *words]) == status
    error = capsys.readouterr().err
    assert message in error
    assert "har cross-validate: " in error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--classes", "sit"], "a network needs two classes or more, not only sit"),
        (["--classes", "sit", "--classes", "sit"], "sit is given twice"),
        (["--classes", "sit", "--classes", "Sitting"], "sit is given twice"),
        (["--classes", ""], "a class has no name"),
        (["--classes", "sit,,walk"], "a class has no name"),
        (["--classes", "sit", "--classes", "unknown"], "unknown means none of the classes, so it cannot be a class"),
    ],
)
def test_unusable_classes_are_rejected_before_reading_data(capsys, words, message):
    assert main(["cross-validate", "--data", "any.parquet", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_class_that_only_one_person_shows_cannot_be_tested_without_them(table, capsys):
    shown = [made_recording(f"u{number:02}", labels=("sit",)) for number in range(5)]
    assert main(["cross-validate", "--data", table([*shown, made_recording("u05")]), "--folds", "3", *TINY]) == 1
    error = capsys.readouterr().err
    assert "without made/" in error
    assert "no window to train on is labelled walk" in error


def test_a_misspelt_class_is_refused_with_the_labels_of_the_recordings(table, capsys):
    words = ["--data", table(people(6)), "--folds", "2", *TINY[:-4], "--classes", "sit,wlak"]
    assert main(["cross-validate", *words]) == 1
    assert "is labelled wlak: add recordings of it, or leave it out of --classes. Other labels of the recordings: " in (
        error := capsys.readouterr().err
    )
    assert error.rstrip().rpartition(": ")[2] == "walk"


def test_slow_recordings_can_be_used_with_bounds_of_their_own(table, capsys):
    slow = table([made_recording(f"u{number:02}", rate_hz=12) for number in range(6)])
    assert main(["cross-validate", "--data", slow, "--folds", "2", *TINY]) == 1
    capsys.readouterr()
    words = ("--signal-bounds", "lowest_rate_hz=10")
    assert main(["cross-validate", "--data", slow, "--folds", "2", *TINY, *words]) == 0
    assert "300 windows of 3 people to train on, 156 to test" in capsys.readouterr().err


def test_repeated_recordings_are_rejected(table, capsys):
    first, again = table(people(6)), table(people(6), "again")
    assert main(["cross-validate", "--data", first, "--data", again, *TINY]) == 2
    assert "is in" in capsys.readouterr().err


def test_an_unwritable_report_is_rejected_before_training(table, tmp_path, capsys):
    nowhere = tmp_path / "nowhere" / "report.html"
    assert main(["cross-validate", "--data", table(people(6)), "--output", str(nowhere)]) == 1
    error = capsys.readouterr().err
    assert f"{nowhere}: cannot write the report: {nowhere.parent} is not a folder" in error
    assert "epoch" not in error


def test_a_network_that_is_never_right_is_reported_without_a_threshold():
    recordings = people(4)
    request = TrainRequest(classes=("sit", "walk"))
    pool_spec = PoolSpec(
        classes=request.classes,
        training_windows=request.training_windows,
        windows=request.windows,
        wearers={each.person: each.person for each in recordings},
        signal_bounds=request.signal_bounds,
    )
    protocol = by_user(make_pools(recordings, pool_spec), 2)

    def always_wrong(windows):
        walks = windows.std(axis=1).mean(axis=1) > 1
        return np.stack([walks, ~walks], axis=1).astype(np.float32)

    result, outcomes = evaluate_protocol(protocol, lambda _: always_wrong, 0.02)
    assert result.scores.accuracy == 0
    assert result.threshold is None
    assert len(outcomes.truth) > 0
    assert "no threshold: no prediction for the validation users is correct" in describe(result)


def test_a_network_is_fitted_once_to_the_same_windows_and_anew_to_others_of_the_same_people(monkeypatch):
    fitted = []
    monkeypatch.setattr(cross_validate, "fit_network", lambda _, examples: fitted.append(len(examples)))
    monkeypatch.setattr(cross_validate, "classifier", lambda *_: len(fitted))
    recordings = people(4)
    spec = pool_spec_of(
        TrainRequest(classes=("sit", "walk"), background=()),
        EvaluationData(recordings, {each.person: each.person for each in recordings}, [], []),
    )
    windows = make_pools(recordings, spec).train
    train = network_trainer(TrainRequest())
    halves = [windows.take(np.arange(len(windows)) % 2 == remainder) for remainder in (0, 1)]
    assert [train(examples) for examples in (halves[0], halves[1], halves[0])] == [1, 2, 1]
