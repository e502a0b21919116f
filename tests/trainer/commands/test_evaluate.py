import json
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
    """Twenty seconds of something called walking, then of something the release does not know."""

    def write(**changes):
        count = 2_000
        columns = {
            "user": ["somebody"] * count, "device": ["their phone"] * count, "model": ["m"] * count,
            "session": ["1"] * count, "t": np.arange(count) / 50, "x": np.zeros(count, np.float32),
            "y": np.zeros(count, np.float32), "z": np.full(count, 9.81, np.float32),
            "gt": ["walk"] * 1_000 + ["juggle"] * 1_000,
        }  # fmt: skip
        path = tmp_path / "recording.parquet"
        pq.write_table(pa.table(columns | changes), path)
        return str(path)

    return write


def test_json_says_how_right_a_release_is(recording, capsys):
    assert main(["evaluate", "--data", recording(), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["classes"] == MANIFEST.classes
    assert said["windows"] == 16
    assert np.array(said["confusion"]).sum() == 16
    right = said["confusion"][said["classes"].index("walk")][said["classes"].index("walk")]
    assert said["accuracy"] == right / 16
    assert 0 <= said["macro_f1"] <= 1
    assert said["per_class"]["walk"]["windows"] == 16
    assert said["left_out"] == {"(more than one label)": 3, "juggle": 16}


def test_a_training_user_is_warned_of(recording, capsys):
    device, user = MANIFEST.training_users[0].split("/")
    path = recording(device=[device] * 2_000, user=[user] * 2_000)
    assert main(["evaluate", "--release", "baseline", "--data", path]) == 0
    captured = capsys.readouterr()
    assert f"trained on {device}/{user}" in captured.err
    assert "macro-F1" in captured.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--data", "missing.parquet"], "missing.parquet"),
        (["--data", "RECORDING", "--release", "nowhere"], "no release there"),
        (["--data", "RECORDING", "--user", "nobody"], "no user nobody"),
        (["--data", "RECORDING", "--user", "somebody,nobody"], "no user nobody in RECORDING, which has somebody\n"),
        (["--data", "RECORDING", "--user", " ,"], "no user ' ,'"),
    ],
)
def test_what_cannot_be_evaluated_says_why(recording, capsys, words, says):
    words = [recording() if word == "RECORDING" else word for word in words]
    assert main(["evaluate", *words]) == 1
    assert says.replace("RECORDING", words[1]) in capsys.readouterr().err


def test_users_may_be_listed_with_blanks(recording, capsys):
    people = np.repeat(["u01", "u06", "u07", "u08"], 500)
    path = recording(user=people, session=people, gt=["walk"] * 2_000)
    assert main(["evaluate", "--data", path, "--user", "u01, u06 ,", "--json"]) == 0
    users = json.loads(capsys.readouterr().out)["users"]
    assert sorted(user["name"] for user in users) == ["their phone/u01", "their phone/u06"]


def test_a_report_with_pictures_is_written(recording, tmp_path, capsys):
    report = tmp_path / "report.html"
    assert main(["evaluate", "--data", recording(), "--report", str(report)]) == 0
    page = report.read_text("utf-8")
    assert f"Evaluation of {MANIFEST.release}" in page
    assert page.count('src="data:image/svg+xml;base64,') == 4
    assert "16 juggle" in page
    assert "Not a figure for unseen people" not in page
    assert "false-activity rate 100.0%: so many of the 16 windows" in capsys.readouterr().out


def test_a_release_with_a_threshold_answers_unknown(recording, tmp_path, capsys):
    folder = shutil.copytree(open_release("baseline").folder, tmp_path / "release")
    sure = msgspec.structs.replace(MANIFEST, decision_threshold=0.999999, personal=True)
    (folder / "manifest.json").write_bytes(encode_manifest(sure))
    words = ["--data", recording(), "--release", str(folder), "--report", str(tmp_path / "report.html")]
    assert main(["evaluate", *words, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["answers"] == [*MANIFEST.classes, "unknown"]
    assert said["unknown"]["known_answered_unknown"] > 0
    assert said["threshold"] == 0.999999
    assert "(personal)" in (tmp_path / "report.html").read_text("utf-8")


def test_a_report_that_cannot_be_written_is_named(recording, tmp_path, capsys):
    assert main(["evaluate", "--data", recording(), "--report", str(tmp_path / "no" / "report.html")]) == 1
    assert "report.html: the report cannot be written" in capsys.readouterr().err
