"""`har train` on one machine, from recordings to a release."""

import json
import os
import resource
import shutil
import signal
import sys

import msgspec
import numpy as np
import pytest

from har.releases import ReleaseManifest
from har.training_settings import TrainSettings
from model_store.candidates import count_candidate
from model_store.onnx_classifier import OnnxClassifier
from model_store.publishing import current_release
from tests.trainer.made_recordings import made_recording, write_recordings
from tests.trainer.training_command import TINY, har, start_har, train
from trainer import train as train_module
from trainer.run_folder import held


def people(count=8):
    return [made_recording(f"u{number:02d}", seconds=80.0) for number in range(count)]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return write_recordings(tmp_path_factory.mktemp("data") / "made.parquet", people())


@pytest.fixture(scope="module")
def finished(table, tmp_path_factory):
    """A run that published into a store."""
    folder = tmp_path_factory.mktemp("run")
    result = train(table, folder / "run", "--store", folder / "store", "--name", "first")
    assert result.returncode == 0, result.stderr
    return folder, result


def manifest_of(run):
    return msgspec.json.decode((run / "release" / "manifest.json").read_bytes(), type=ReleaseManifest)


def test_the_run_folder_tells_the_whole_story(finished):
    run = finished[0] / "run"

    record = json.loads((run / "run.json").read_text())
    metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]

    assert record["request"]["network"] == "conv_lstm"
    assert {"python", "tensorflow", "tf-keras", "pyspark"} <= set(record["versions"])
    assert [process["name"] for process in record["attempts"][0]["processes"]] == ["local-0"]
    assert [line["epoch"] for line in metrics if line["step"] == line["steps"]] == [1, 2, 3]
    assert (run / "evaluation.html").stat().st_size > 10_000
    assert (run / "plots" / "curves.png").exists()
    assert list((run / "tensorboard").rglob("events.*"))


def test_the_release_is_one_that_consumers_accept_and_knows_its_classes(finished):
    run = finished[0] / "run"
    manifest = manifest_of(run)

    network = OnnxClassifier.open(str(run / "release"))

    assert network.manifest.release == manifest.release == "first"
    assert manifest.classes == ["sit", "walk"]
    assert {artifact.format for artifact in manifest.artifacts} == {
        "onnx", "litert-float32", "litert-int8", "tensorflow-frozen-graph",
    }  # fmt: skip
    [scores] = manifest.metrics.values()
    assert scores.macro_f1 > 0.9
    assert 0 < manifest.decision_threshold < 1


def test_nobody_who_validates_was_trained_on(finished):
    run = finished[0] / "run"
    index = json.loads((run / "prepared" / "prepared.json").read_text())

    validating = {person for shard in index["shards"] if shard["split"] == "validation" for person in shard["windows"]}

    assert validating
    assert not validating & set(manifest_of(run).training_users)


def test_it_is_published_and_the_terminal_says_so(finished):
    folder, result = finished

    assert current_release(folder / "store") == folder / "store" / "first"
    assert "published: " in result.stderr
    assert "epoch   3/3" in result.stderr
    assert "held-out users, made: macro-F1" in result.stderr


def test_what_is_no_better_is_not_published(finished, table, tmp_path):
    folder, _ = finished
    count_candidate(folder / "store", "another", "its weights", against="first")  # as another run would

    result = train(table, tmp_path / "again", "--store", folder / "store", "--name", "second")

    assert result.returncode == 0, result.stderr
    assert current_release(folder / "store") == folder / "store" / "first"
    assert "not published" in result.stderr
    assert not json.loads((tmp_path / "again" / "release" / "gate.json").read_text())["passed"]
    judged = [json.loads(line) for line in (folder / "store" / "candidates.jsonl").read_text().splitlines()]
    assert [(line["release"], line["against"]) for line in judged] == [
        ("first", None), ("another", "first"), ("second", "first"),
    ]  # fmt: skip


def test_a_run_that_was_killed_while_it_published_is_published_when_it_goes_on(finished, table, tmp_path):
    folder = shutil.copytree(finished[0], tmp_path / "killed")
    (folder / "store" / "current").unlink()  # as if killed before it wrote them
    (folder / "store" / "history.jsonl").unlink()

    result = train(table, folder / "run", "--store", folder / "store", "--name", "first", "--resume")

    assert result.returncode == 0, result.stderr
    assert current_release(folder / "store") == folder / "store" / "first"
    assert manifest_of(folder / "run").created != manifest_of(finished[0] / "run").created


def test_a_run_that_is_going_on_is_not_gone_on_with_by_another(finished, table):
    run = finished[0] / "run"
    with held(run):
        result = train(table, run, "--resume")

    assert result.returncode == 1
    assert "run is in use by another har train" in result.stderr


def test_sigint_ends_it_at_once_while_it_imports(table, tmp_path, monkeypatch):
    answers = []

    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name == "trainer.train_command":
                answers.append(signal.getsignal(signal.SIGINT))
                raise ImportError("seen enough")

    monkeypatch.delitem(sys.modules, "trainer.train_command", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(ImportError, match="seen enough"):
        train_module.run(TrainSettings(data=[table], output=tmp_path / "run"))

    assert answers == [signal.SIG_DFL]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_run_that_was_killed_goes_on_where_it_was(table, tmp_path):
    words = ("train", "--data", table, "--output", tmp_path / "run", *TINY, "--epochs", 6)
    process = start_har(*words)
    metrics = tmp_path / "run" / "metrics.jsonl"
    for line in iter(process.stderr.readline, ""):
        if "epoch   2/6" in line:
            break
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    before = len(metrics.read_text().splitlines())

    result = har(*words, "--resume")

    assert result.returncode == 0, result.stderr
    after = [json.loads(line)["epoch"] for line in metrics.read_text().splitlines()[before:]]
    assert min(after) >= 2
    assert max(after) == 6
    assert OnnxClassifier.open(str(tmp_path / "run" / "release"))


def test_a_finished_run_is_not_overwritten_nor_resumed_as_another(finished, table):
    run = finished[0] / "run"

    again = train(table, run)
    other = train(table, run, "--resume", "--epochs", "9")

    assert again.returncode == 1
    assert "--resume" in again.stderr
    assert other.returncode == 1
    assert "other settings" in other.stderr
    assert "fit was" in other.stderr


def test_a_shard_that_is_not_what_was_written_is_named(finished, table, tmp_path):
    prepared = tmp_path / "prepared"
    shutil.copytree(finished[0] / "run" / "prepared", prepared)
    shard = sorted(prepared.rglob("split=train/**/*.parquet"))[1]
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)

    result = train(prepared, tmp_path / "run")

    assert result.returncode == 1
    assert f"shard {shard} is corrupt" in result.stderr
    assert not (tmp_path / "run" / "release").exists()


def test_a_loss_that_is_not_finite_stops_the_run_and_says_where(table, tmp_path):
    result = train(table, tmp_path / "run", "--peak-rate", "1e38")

    assert result.returncode == 1
    assert "the loss became" in result.stderr
    assert "epoch 1" in result.stderr
    assert not (tmp_path / "run" / "release").exists()


def test_a_full_disk_is_told_and_leaves_no_half_release(table, tmp_path):
    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    words = ("train", "--data", table, "--output", tmp_path / "run", *TINY)
    result = har(*words, limit=small_files)

    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "run" / "release").exists()

    assert har(*words, "--resume").returncode == 0


def test_a_class_that_nobody_shows_is_named(table, tmp_path):
    result = train(table, tmp_path / "run", "--classes", "bike")

    assert result.returncode == 1
    assert "no training window of 4.92 s is labelled bike" in result.stderr


def test_a_person_without_windows_is_pointed_out(tmp_path):
    short = made_recording("brief", seconds=3.0)
    data = write_recordings(tmp_path / "made.parquet", [*people(), short])

    result = har("prepare", "--data", data, "--output", tmp_path / "prepared", "--in-process", "--classes", "sit",
                 "--classes", "walk")  # fmt: skip

    assert result.returncode == 0, result.stderr
    assert "made/brief has no labelled windows" in result.stderr


def test_people_training_on_themselves_get_a_personal_release(tmp_path):
    data = write_recordings(tmp_path / "made.parquet", people(2))

    result = train(data, tmp_path / "run")

    assert result.returncode == 0, result.stderr
    assert manifest_of(tmp_path / "run").personal
    assert "the release is personal" in result.stderr.replace("\n", " ")


def test_unattended_rounds_keep_a_history_and_survive_a_broken_one(table, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(table, data / "made.parquet")
    words = ("train", "--data", data, "--output", tmp_path / "runs", "--store", tmp_path / "store", *TINY)

    first = har(*words, "--every", "1s", "--rounds", "1")
    (data / "broken.parquet").write_bytes(b"no table")
    second = har(*words, "--every", "1s", "--rounds", "1")

    assert first.returncode == second.returncode == 0
    rounds = [json.loads(line) for line in (tmp_path / "runs" / "history.jsonl").read_text().splitlines()]
    assert [passed["outcome"] for passed in rounds] == ["published", "failed"]
    assert "broken.parquet" in rounds[1]["reason"]
    assert rounds[0]["labelled_minutes"] == pytest.approx(8 * 80 / 60, rel=0.05)
    assert current_release(tmp_path / "store").name == rounds[0]["release"]


def test_the_same_settings_give_the_same_weights(finished, table, tmp_path):
    result = train(table, tmp_path / "run", "--name", "first")
    assert result.returncode == 0, result.stderr

    with np.load(finished[0] / "run" / "weights.npz") as one, np.load(tmp_path / "run" / "weights.npz") as other:
        assert all(np.array_equal(one[name], other[name]) for name in one.files)
