"""`har train` over TensorFlowOnSpark: real executors, synchronous and asynchronous."""

import json
import os
import shutil
import signal

import pytest

from deploy.spark.standalone import StandaloneCluster
from model_store.onnx_classifier import OnnxClassifier
from tests.trainer.made_recordings import made_recording, write_recordings
from tests.trainer.training_command import TINY, har, start_har, train

pytestmark = pytest.mark.usefixtures("java")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    people = [made_recording(f"u{number:02d}", seconds=80.0) for number in range(8)]
    return write_recordings(tmp_path_factory.mktemp("data") / "made.parquet", people)


@pytest.fixture(scope="module")
def prepared(table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared") / "prepared"
    words = ("--data", table, "--output", folder, "--classes", "sit", "--classes", "walk", "--shards", "4")
    result = har("prepare", *words, "--in-process")
    assert result.returncode == 0, result.stderr
    return folder


def record_of(run):
    return json.loads((run / "run.json").read_text())


def refuse_shared_work(run, workers):
    """Check the proof that the work was shared: own processes, own shards, all of them."""
    attempt = record_of(run)["attempts"][-1]
    theirs = [process for process in attempt["processes"] if process["name"].startswith("worker-")]
    shards = [shard for process in theirs for shard in process["shards"]]
    assert len(theirs) == workers
    assert len({process["pid"] for process in attempt["processes"]}) == len(attempt["processes"])
    assert len(shards) == len(set(shards)) == 4
    assert all(sum(process["windows"].values()) for process in theirs)
    assert len({node["executor"] for node in attempt["nodes"]}) == len(attempt["nodes"])
    return attempt


def test_synchronous_workers_share_the_shards_and_reach_a_release(table, tmp_path):
    result = train(table, tmp_path / "run", "--mode", "sync", "--executors", "2")

    assert result.returncode == 0, result.stderr
    attempt = refuse_shared_work(tmp_path / "run", 2)
    assert sorted(node["part"] for node in attempt["nodes"]) == ["chief", "worker"]
    [scores] = OnnxClassifier.open(str(tmp_path / "run" / "release")).manifest.metrics.values()
    assert scores.macro_f1 > 0.9


def test_asynchronous_workers_share_the_shards_and_reach_a_release(prepared, tmp_path):
    result = train(prepared, tmp_path / "run", "--mode", "async", "--executors", "2")

    assert result.returncode == 0, result.stderr
    attempt = refuse_shared_work(tmp_path / "run", 2)
    assert sorted(node["part"] for node in attempt["nodes"]) == ["chief", "ps", "worker", "worker"]
    [scores] = OnnxClassifier.open(str(tmp_path / "run" / "release")).manifest.metrics.values()
    assert scores.macro_f1 > 0.9


def test_asynchronous_workers_do_not_wait_for_ever_on_a_machine_of_one_core(prepared, tmp_path):
    words = ("--data", prepared, "--output", tmp_path / "run", *TINY, "--mode", "async", "--executors", "2")
    core = min(os.sched_getaffinity(0))

    result = har("train", *words, limit=lambda: os.sched_setaffinity(0, {core}))

    assert result.returncode == 0, result.stderr


def test_a_worker_killed_on_a_standalone_cluster_is_told_and_the_same_command_resumes(prepared, tmp_path):
    run = tmp_path / "run"
    with StandaloneCluster(tmp_path / "spark", workers=2, cores=1) as cluster:
        words = ("train", "--data", prepared, "--output", run, *TINY, "--epochs", "8", "--mode", "sync",
                 "--master", cluster.url)  # fmt: skip
        process = start_har(*words)
        for line in iter(process.stderr.readline, ""):
            if "epoch   2/8" in line:
                break
        os.kill(json.loads((run / "workers" / "worker-1.json").read_text())["pid"], signal.SIGKILL)
        _, errors = process.communicate(timeout=200)
        killed_at = len((run / "metrics.jsonl").read_text().splitlines())

        result = har(*words, "--resume")

    assert process.returncode == 1
    assert "--resume" in errors
    assert "Traceback" not in errors
    assert result.returncode == 0, result.stderr
    epochs = [json.loads(line)["epoch"] for line in (run / "metrics.jsonl").read_text().splitlines()[killed_at:]]
    assert min(epochs) >= 2
    assert max(epochs) == 8


def test_a_corrupt_shard_on_an_executor_is_named(prepared, tmp_path):
    broken = tmp_path / "prepared"
    shutil.copytree(prepared, broken)
    shard = sorted(broken.rglob("split=train/**/*.parquet"))[1]
    shard.write_bytes(shard.read_bytes()[:-1])

    result = train(broken, tmp_path / "run", "--mode", "sync")

    assert result.returncode == 1
    assert f"shard {shard} is corrupt" in result.stderr
    assert not (tmp_path / "run" / "release").exists()


def test_more_executors_than_shards_are_told(prepared, tmp_path):
    result = train(prepared, tmp_path / "run", "--mode", "sync", "--executors", "5")

    assert result.returncode == 2
    assert "--shards 4 are too few for --executors 5" in result.stderr
