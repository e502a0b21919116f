"""`har train` over TensorFlowOnSpark: real executors, synchronous and asynchronous.

The long forms train a real network, the others the tiny one.
"""

import json
import os
import shutil
import signal
from contextlib import contextmanager
from threading import Event, Thread

import pytest

from deploy.spark.standalone import StandaloneCluster
from model_store.onnx_classifier import OnnxClassifier
from tests.trainer import tiny_on_spark
from tests.trainer.made_recordings import made_recording, write_recordings
from tests.trainer.training_command import LONGEST_SECONDS, SMALL, TINY, har, har_here, train
from trainer.run_folder import RunFolder

pytestmark = [
    pytest.mark.usefixtures("java"),
    pytest.mark.timeout(LONGEST_SECONDS + 60),
    # Py4J leaves the sockets of a stopped session to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore:subprocess:ResourceWarning"),
]
#: Enough windows for a network that takes few, large steps.
ENOUGH = ("--windows-per-epoch", "1024")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    people = [made_recording(f"u{number:02d}", seconds=80.0) for number in range(8)]
    return write_recordings(tmp_path_factory.mktemp("data") / "made.parquet", people)


@pytest.fixture(scope="module")
def prepared(table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared") / "prepared"
    words = ("--data", table, "--output", folder, "--classes", "sit", "--classes", "walk", "--shards", "4")
    result = har_here("prepare", *words, "--in-process")
    assert result.returncode == 0, result.stderr
    return folder


def record_of(run):
    return json.loads((run / "run.json").read_text())


def check_shared_work(run, workers):
    """Check that every worker had its own process and shards, and that together they read all shards."""
    attempt = record_of(run)["attempts"][-1]
    reports = [process for process in attempt["processes"] if process["name"].startswith("worker-")]
    shards = [shard for process in reports for shard in process["shards"]]
    assert len(reports) == workers
    assert len({process["pid"] for process in attempt["processes"]}) == len(attempt["processes"])
    assert len(shards) == len(set(shards)) == 4
    assert all(sum(process["windows"].values()) for process in reports)
    assert len({node["executor"] for node in attempt["nodes"]}) == len(attempt["nodes"])
    return attempt


@pytest.mark.long
def test_synchronous_workers_share_the_shards_and_make_a_release(table, tmp_path):
    result = train(table, tmp_path / "run", *ENOUGH, "--mode", "sync", "--executors", "2")

    assert result.returncode == 0, result.stderr
    check_synchronous_run(tmp_path / "run")


def check_synchronous_run(run):
    attempt = check_shared_work(run, 2)
    assert sorted(node["part"] for node in attempt["nodes"]) == ["chief", "worker"]
    [scores] = OnnxClassifier.open(str(run / "release")).manifest.metrics.values()
    assert scores.macro_f1 > 0.9


def test_a_worker_killed_on_a_standalone_cluster_fails_the_run_which_resumes_to_a_release(prepared, tmp_path):
    with tiny_on_spark.known():
        kill_and_resume(prepared, tmp_path, *TINY)


@pytest.mark.long
def test_a_real_network_resumes_on_a_standalone_cluster_after_a_worker_was_killed(table, tmp_path):
    kill_and_resume(table, tmp_path, *SMALL)


def kill_and_resume(data, folder, *options):
    run = folder / "run"
    with StandaloneCluster(folder / "spark", workers=2, cores=1) as cluster:
        words = ("train", "--data", data, "--output", run, *options, *ENOUGH, "--epochs", "5", "--mode", "sync",
                 "--executors", "2", "--master", cluster.url)  # fmt: skip
        with killing_worker_1(run, epoch=2):
            failed = har_here(*words)
        killed_at = len((run / "metrics.jsonl").read_text().splitlines())

        result = har_here(*words, "--resume")

    assert failed.returncode == 1
    assert "--resume" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert result.returncode == 0, result.stderr
    epochs = [json.loads(line)["epoch"] for line in (run / "metrics.jsonl").read_text().splitlines()[killed_at:]]
    assert min(epochs) >= 2
    assert max(epochs) == 5
    check_synchronous_run(run)


@contextmanager
def killing_worker_1(run, *, epoch):
    """Kill worker 1 as soon as an epoch is complete."""
    over = Event()

    def kill():
        while not over.wait(0.02):
            if any(line.epoch == epoch and line.step == line.steps for line in RunFolder(run).progress()):
                os.kill(json.loads((run / "workers" / "worker-1.json").read_text())["pid"], signal.SIGKILL)
                return

    killing = Thread(target=kill)
    killing.start()
    try:
        yield
    finally:
        over.set()
        killing.join()


def test_asynchronous_workers_share_the_shards_and_make_a_release(prepared, tmp_path):
    cores = os.sched_getaffinity(0)
    run_asynchronously(prepared, tmp_path / "run", cores, *TINY, "--epochs", "10", program=tiny_on_spark.PROGRAM)


@pytest.mark.long
@pytest.mark.parametrize("cores", [1, os.cpu_count()])  # on one, processes that wait for each other must not deadlock
def test_asynchronous_workers_make_a_release_of_a_real_network(prepared, tmp_path, cores):
    run_asynchronously(prepared, tmp_path / "run", set(sorted(os.sched_getaffinity(0))[:cores]), *SMALL)


def run_asynchronously(prepared, run, cores, *options, program=None):
    words = ("--data", prepared, "--output", run, *options, *ENOUGH, "--mode", "async", "--executors", "2")

    result = har("train", *words, limit=lambda: os.sched_setaffinity(0, cores), program=program)

    assert result.returncode == 0, result.stderr
    attempt = check_shared_work(run, 2)
    assert sorted(node["part"] for node in attempt["nodes"]) == ["chief", "ps", "worker", "worker"]
    [scores] = OnnxClassifier.open(str(run / "release")).manifest.metrics.values()
    assert scores.macro_f1 > 0.9


@pytest.mark.long  # without executors: tests/trainer/commands/test_train.py
def test_a_corrupt_shard_on_an_executor_is_named(prepared, tmp_path):
    broken = tmp_path / "prepared"
    shutil.copytree(prepared, broken)
    shard = sorted(broken.rglob("split=train/**/*.parquet"))[1]
    shard.write_bytes(shard.read_bytes()[:-1])

    result = har_here(
        "train", "--data", broken, "--output", tmp_path / "run", *SMALL, "--mode", "sync", "--executors", "1"
    )

    assert result.returncode == 1
    assert f"shard {shard} is corrupt" in result.stderr
    assert not (tmp_path / "run" / "release").exists()


def test_more_executors_than_shards_are_rejected(prepared, tmp_path):
    words = ("--data", prepared, "--output", tmp_path / "run", *SMALL, "--mode", "sync", "--executors", "5")

    result = har_here("train", *words)

    assert result.returncode == 2
    assert "--shards 4 are too few for --executors 5" in result.stderr
