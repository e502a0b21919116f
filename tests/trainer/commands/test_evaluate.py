import json
import re
import shutil

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deploy.cli import main
from har.releases import encode_manifest
from model_store.release_folder import open_release

MANIFEST = open_release("baseline").manifest


@pytest.fixture
def recording(tmp_path):
    """Twenty seconds labelled Walking, then twenty seconds with a label that is no class of the release."""

    def write(**changes):
        count = 2_000
        hardly_moving = np.full(count, 9.81, np.float32) + np.float32(0.01) * (np.arange(count) % 3)
        columns = {
            "user": ["somebody"] * count, "device": ["their phone"] * count, "model": ["m"] * count,
            "session": ["1"] * count, "t": np.arange(count) / 50, "x": np.zeros(count, np.float32),
            "y": np.zeros(count, np.float32), "z": hardly_moving,
            "gt": ["Walking"] * 1_000 + ["juggle"] * 1_000,
        }  # fmt: skip
        path = tmp_path / "recording.parquet"
        pq.write_table(pa.table(columns | changes), path)
        return str(path)

    return write


def test_json_contains_the_scores(recording, capsys):
    assert main(["evaluate", "--data", recording(), "--json"]) == 0
    evaluation = json.loads(capsys.readouterr().out)
    assert evaluation["classes"] == MANIFEST.classes
    assert evaluation["windows"] == 16
    assert np.array(evaluation["confusion"]).sum() == 16
    right = evaluation["confusion"][evaluation["classes"].index("walk")][evaluation["classes"].index("walk")]
    assert evaluation["accuracy"] == right / 16
    assert 0 <= evaluation["macro_f1"] <= 1
    assert evaluation["per_class"]["walk"]["windows"] == 16
    assert evaluation["left_out"] == {"(more than one label)": 3, "juggle": 16}
    assert evaluation["unclassified"] == {}


def test_windows_whose_readings_tell_too_little_are_counted_and_not_scored(recording, capsys):
    z = np.full(2_000, 9.81, np.float32)
    z[800:] += np.float32(0.01) * (np.arange(1_200) % 3)
    assert main(["evaluate", "--data", recording(z=z), "--json"]) == 0
    evaluation = json.loads(capsys.readouterr().out)
    assert evaluation["unclassified"] == {"constant": 11}
    assert evaluation["windows"] == 16 - 11
    assert main(["evaluate", "--data", recording(z=z)]) == 0
    assert "readings tell too little: 11 constant" in capsys.readouterr().out


def test_recordings_of_a_slow_phone_alone_are_an_error(recording, capsys):
    path = recording(t=np.arange(2_000) / 15)
    assert main(["evaluate", "--data", path]) == 2
    assert "the phone measures too rarely (15.0 Hz); of " in capsys.readouterr().err
    assert main(["evaluate", "--data", path, "--force"]) == 2
    assert "the readings of all labelled windows tell too little: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "said", "forced"),
    [
        ({"z": 1 + 0.001 * (np.arange(2_000) % 3)}, "the readings are in g. State the unit with --unit", 0),
        ({"t": np.arange(2_000) % 1_000 / 50}, "and the readings of 20 s overlay others of the same time", 2),
    ],
)
def test_data_that_cannot_carry_an_answer_get_none_unless_forced(recording, capsys, changes, said, forced):
    path = recording(**changes)
    assert main(["evaluate", "--data", path, "--json"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "stops: recording.parquet" in printed.err
    assert said in printed.err
    assert printed.err.count("stops: ") == 1
    assert main(["evaluate", "--data", path, "--json", "--force", "--quiet"]) == forced
    assert "--force is given" in capsys.readouterr().err


def test_every_label_that_is_no_class_is_listed_and_a_broken_reading_is_left_out(recording, capsys):
    labels = ["Walking"] * 1_000 + [f"word{letter}" for letter in "abcdefghij" for _ in range(100)]
    x = np.zeros(2_000, np.float32)
    x[7] = np.nan
    assert main(["evaluate", "--data", recording(gt=labels, x=x), "--json"]) == 0
    printed = capsys.readouterr()
    assert all(f"word{letter} (100 readings)" in printed.err for letter in "abcdefghij")
    assert "recording.parquet, row 7 (user somebody, session 1, device their phone): 1 of 2,000 readings" in printed.err
    assert json.loads(printed.out)["windows"] == 16


def test_evaluating_a_training_user_logs_a_warning(recording, capsys):
    device, user = MANIFEST.training_users[0].split("/")
    path = recording(device=[device] * 2_000, user=[user] * 2_000)
    assert main(["evaluate", "--release", "baseline", "--data", path]) == 0
    captured = capsys.readouterr()
    assert f"trained on {device}/{user}" in captured.err
    assert "macro-F1" in captured.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "missing.parquet"], "missing.parquet"),
        (["--data", "RECORDING", "--release", "nowhere"], "no release at"),
        (["--data", "RECORDING", "--users", "nobody"], "no user nobody"),
        (["--data", "RECORDING", "--users", "somebody,nobody"], "no user nobody in RECORDING, which has somebody\n"),
        (["--data", "RECORDING", "--users", " ,"], "no user ' ,'"),
    ],
)
def test_impossible_requests_are_rejected_with_the_reason(recording, capsys, words, message):
    words = [recording() if word == "RECORDING" else word for word in words]
    assert main(["evaluate", *words]) == (1 if "--release" in words else 2)
    assert message.replace("RECORDING", words[1]) in capsys.readouterr().err


def test_users_may_be_listed_with_blanks(recording, capsys):
    people = np.repeat(["u01", "u06", "u07", "u08"], 500)
    path = recording(user=people, session=people, gt=["walk"] * 2_000)
    assert main(["evaluate", "--data", path, "--users", "u01, u06 ,", "--json"]) == 0
    users = json.loads(capsys.readouterr().out)["users"]
    assert sorted(user["name"] for user in users) == ["their phone/u01", "their phone/u06"]


def test_a_report_with_plots_is_written(recording, tmp_path, capsys):
    report = tmp_path / "report.html"
    assert main(["evaluate", "--data", recording(), "--report", str(report)]) == 0
    page = report.read_text("utf-8")
    assert f"Evaluation of {MANIFEST.release}" in page
    assert page.count('src="data:image/svg+xml;base64,') == 4
    assert "16 juggle" in page
    assert "Not a figure for unseen people" not in page
    assert re.search(r"^juggle +\d+\.\d%", capsys.readouterr().out, re.MULTILINE)


def test_a_release_with_a_threshold_answers_unknown(recording, tmp_path, capsys):
    folder = shutil.copytree(open_release("baseline").folder, tmp_path / "release")
    sure = msgspec.structs.replace(MANIFEST, decision_threshold=0.999999, personal=True)
    (folder / "manifest.json").write_bytes(encode_manifest(sure))
    words = ["--data", recording(), "--release", str(folder), "--report", str(tmp_path / "report.html")]
    assert main(["evaluate", *words, "--json"]) == 0
    evaluation = json.loads(capsys.readouterr().out)
    assert evaluation["answers"] == [*MANIFEST.classes, "unknown"]
    assert evaluation["unknown"]["known_answered_unknown"] > 0
    assert evaluation["threshold"] == 0.999999
    assert "(personal)" in (tmp_path / "report.html").read_text("utf-8")


def test_an_unwritable_report_is_an_error_with_its_name(recording, tmp_path, capsys):
    assert main(["evaluate", "--data", recording(), "--report", str(tmp_path / "no" / "report.html")]) == 1
    assert "report.html: cannot write the report" in capsys.readouterr().err
