"""`har train` on one machine, from recordings to a release.

One run uses a separate process and the shipped network. All other tests run in the process of the tests, with a tiny
network.
"""

import json
import re
import resource
import shutil
import signal
import sys

import msgspec
import numpy as np
import pytest
from pydantic import ValidationError

from har.releases import ReleaseManifest
from model_store.onnx_classifier import OnnxClassifier
from model_store.repository.candidates import count_candidate
from model_store.repository.contents import files_of, history, pointers
from model_store.repository.signed_state import read_state
from model_store.repository.storage import Storage
from model_store.repository.verification import verify_store
from tests.model_store.made_store import MadeStore
from tests.trainer import tiny_network
from tests.trainer.made_recordings import made_recording, write_recordings
from tests.trainer.training_command import TINY, har_here, start_har, train, train_here
from trainer.commands import train as train_module
from trainer.commands.train_command import request_of
from trainer.run_folder import lock_folder
from trainer.settings import TrainSettings
from trainer.signal_bounds import TRAINED

#: `har` with the tiny network, killed in the middle of its third epoch.
KILLED_IN_EPOCH_3 = """
import os, signal, sys
from deploy.cli import main
from tests.trainer import tiny_network
from trainer.distributed import epoch_loop

class KilledWatch(epoch_loop.Watch):
    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, logs)
        if self.epoch == 3 and batch == 8:
            os.kill(os.getpid(), signal.SIGKILL)

epoch_loop.Watch = KilledWatch
with tiny_network.known():
    sys.exit(main())
"""


@pytest.fixture(scope="module", autouse=True)
def _tiny_network_known():
    with tiny_network.known():
        yield


def people(count=8):
    return [made_recording(f"u{number:02d}", seconds=80.0) for number in range(count)]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return write_recordings(tmp_path_factory.mktemp("data") / "made.parquet", people())


def into(folder):
    """Return the options that publish into the store of a folder."""
    return "--store", folder / "store", "--online-keys", folder / "keys" / "online"


def stable(folder):
    """Return the pointer of the stable channel in the store of a folder."""
    storage = Storage(str(folder / "store"))
    return pointers(storage, read_state(storage)).get("stable")


@pytest.fixture(scope="module")
def finished(table, tmp_path_factory):
    """A run that published into a store."""
    folder = tmp_path_factory.mktemp("run")
    MadeStore.make(folder)
    result = train(table, folder / "run", *into(folder), "--name", "first")
    assert result.returncode == 0, result.stderr
    return folder, result


@pytest.fixture(scope="module")
def tiny_finished(table, tmp_path_factory):
    """A run of the tiny network that published into a store, for tests that copy it."""
    folder = tmp_path_factory.mktemp("tiny-run")
    MadeStore.make(folder)
    result = train_here(table, folder / "run", *into(folder), "--name", "first")
    assert result.returncode == 0, result.stderr
    return folder


def manifest_of(run):
    return msgspec.json.decode((run / "release" / "manifest.json").read_bytes(), type=ReleaseManifest)


def test_the_run_folder_contains_record_metrics_and_plots(finished):
    run = finished[0] / "run"

    record = json.loads((run / "run.json").read_text())
    metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]

    assert record["request"]["network"] == "conv_features"
    assert {"python", "tensorflow", "tf-keras", "pyspark"} <= set(record["versions"])
    assert [process["name"] for process in record["attempts"][0]["processes"]] == ["local-0"]
    assert [line["epoch"] for line in metrics if line["step"] == line["steps"]] == [1, 2, 3]
    assert (run / "release" / "evaluation.html").stat().st_size > 10_000
    assert (run / "plots" / "curves.png").exists()
    assert list((run / "tensorboard").rglob("events.*"))


def test_consumers_accept_the_release_with_its_classes(finished):
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


def test_a_network_that_cannot_be_rounded_becomes_a_release_without_int8(table, tmp_path):
    MadeStore.make(tmp_path)
    result = train_here(table, tmp_path / "run", "--network", tiny_network.UNROUNDABLE, *into(tmp_path))

    assert result.returncode == 0, result.stderr
    release = tmp_path / "run" / "release"
    assert not (release / "network_int8.tflite").exists()
    [absent] = manifest_of(tmp_path / "run").left_out
    assert re.fullmatch(r"litert-int8 gives .* for 0\.\d+ of the windows; at least 0.99 is needed", absent.reason)
    assert f"warning: the release is made without litert-int8: {absent.reason}" in result.stderr
    assert f"**There is no litert-int8 file**: {absent.reason}." in (release / "MODEL_CARD.md").read_text()
    bench = har_here("edge", "bench", "--release", release, "--form", "litert-int8", "--windows", "1")
    assert bench.returncode == 1
    assert f"has no litert-int8 artifact: {absent.reason} (use one that it has: onnx, litert-float32" in bench.stderr


def test_nobody_held_out_was_trained_on(finished):
    run = finished[0] / "run"
    index = json.loads((run / "prepared" / "prepared.json").read_text())

    validating = {person for shard in index["shards"] if shard["split"] == "validation" for person in shard["windows"]}

    assert validating
    assert not validating & set(manifest_of(run).training_users)


def test_it_is_published_and_reported_on_the_terminal(finished):
    folder, result = finished

    storage = Storage(str(folder / "store"))
    assert stable(folder).release == "first"
    assert "published: first is stable" in result.stderr
    assert verify_store(storage).faults == []
    (change,) = history(storage, read_state(storage))
    assert change.reason.startswith("The candidate passes")
    assert {"evaluation.html", "gate.json", "MODEL_CARD.md"} <= {
        file.name for file in files_of(read_state(storage), "first")
    }
    assert "epoch   3/3" in result.stderr
    assert "held-out users, made: macro-F1" in result.stderr


def test_a_candidate_that_is_no_better_is_not_published(tiny_finished, table, tmp_path):
    folder = shutil.copytree(tiny_finished, tmp_path / "published")
    storage = Storage(str(folder / "store"))
    count_candidate(storage, "another", "its-weights", against=stable(folder))  # as another run would

    result = train_here(table, tmp_path / "again", *into(folder), "--name", "second")

    assert result.returncode == 1, result.stderr
    assert "har train: the release is not published" in result.stderr
    assert stable(folder).release == "first"
    assert "not published" in result.stderr
    assert not json.loads((tmp_path / "again" / "release" / "gate.json").read_text())["passed"]
    judged = [json.loads(path.read_text()) for path in sorted((folder / "store" / "candidates").glob("*/*.json"))]
    assert [(each["release"], each["against"]) for each in judged] == [
        ("first", None), ("another", "first"), ("second", "first"),
    ]  # fmt: skip


def test_a_run_killed_during_publication_is_published_when_resumed(tiny_finished, table, tmp_path):
    folder = shutil.copytree(tiny_finished, tmp_path / "killed")
    shutil.rmtree(folder / "store")  # as if killed before the candidate was counted
    shutil.rmtree(folder / "keys")
    MadeStore.make(folder)

    result = train_here(table, folder / "run", *into(folder), "--name", "first", "--resume")
    again = train_here(table, folder / "run", *into(folder), "--name", "first", "--resume")

    assert result.returncode == again.returncode == 0, result.stderr + again.stderr
    assert stable(folder).release == "first"
    assert stable(folder).number == 1
    assert "an earlier attempt already published the release" in again.stderr
    assert manifest_of(folder / "run").created != manifest_of(tiny_finished / "run").created


def test_a_canary_is_published_beside_the_stable_release(tiny_finished, table, tmp_path):
    folder = shutil.copytree(tiny_finished, tmp_path / "canary")
    shutil.rmtree(folder / "store")
    shutil.rmtree(folder / "keys")
    MadeStore.make(folder)
    result = train_here(table, folder / "run", *into(folder), "--channel", "canary", "--share", "0.25", "--resume")
    assert result.returncode == 0, result.stderr
    storage = Storage(str(folder / "store"))
    found = pointers(storage, read_state(storage))
    assert {channel: (each.release, each.share) for channel, each in found.items()} == {"canary": ("first", 0.25)}


def test_bounds_of_the_signal_quality_are_part_of_the_request(tmp_path):
    settings = TrainSettings(data=[tmp_path], output=tmp_path / "run", signal_bounds="lowest_rate_hz=15")
    assert request_of(settings).signal_bounds == msgspec.structs.replace(TRAINED, lowest_rate_hz=15)
    with pytest.raises(ValidationError, match="rate_hz is no bound: state lowest_rate_hz, "):
        TrainSettings(data=[tmp_path], output=tmp_path / "run", signal_bounds="rate_hz=15")


def test_without_a_store_the_error_says_what_to_do(tiny_finished, table, tmp_path):
    run = shutil.copytree(tiny_finished / "run", tmp_path / "run")
    none = train_here(table, run, "--store", tmp_path / "none", "--name", "first", "--resume")
    assert none.returncode == 1
    assert "is not a store: run har store init first" in none.stderr


def test_a_store_that_cannot_be_used_is_told_before_anything_is_prepared(table, tmp_path):
    none = train_here(table, tmp_path / "run", "--store", tmp_path / "none")
    MadeStore.make(tmp_path)
    keyless = train_here(table, tmp_path / "run", "--store", tmp_path / "store", "--online-keys", tmp_path / "no-keys")
    assert (none.returncode, keyless.returncode) == (1, 1)
    assert "is not a store: run har store init first" in none.stderr
    assert "1 key(s) of the role releases must sign, but 0 are in" in keyless.stderr
    assert "prepar" not in none.stderr + keyless.stderr


def test_a_running_run_is_not_resumed_by_another_process(tiny_finished, table):
    run = tiny_finished / "run"
    with lock_folder(run):
        result = train_here(table, run, "--resume")

    assert result.returncode == 1
    assert "run is in use by another har train" in result.stderr


def test_sigint_ends_it_at_once_during_imports(table, tmp_path, monkeypatch):
    handlers = []

    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name == "trainer.commands.train_command":
                handlers.append(signal.getsignal(signal.SIGINT))
                raise ImportError("seen enough")

    monkeypatch.delitem(sys.modules, "trainer.commands.train_command", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(ImportError, match="seen enough"):
        train_module.run(TrainSettings(data=[table], output=tmp_path / "run"))

    assert handlers == [signal.SIG_DFL]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_killed_run_resumes_from_its_checkpoint(table, tmp_path):
    words = ("train", "--data", table, "--output", tmp_path / "run", *TINY, "--epochs", 6)
    metrics = tmp_path / "run" / "metrics.jsonl"
    killed = start_har(*words, program=KILLED_IN_EPOCH_3)
    _, errors = killed.communicate()
    assert killed.returncode == -signal.SIGKILL, errors
    before = len(metrics.read_text().splitlines())

    result = har_here(*words, "--resume")

    assert result.returncode == 0, result.stderr
    after = [json.loads(line)["epoch"] for line in metrics.read_text().splitlines()[before:]]
    assert min(after) == 3
    assert max(after) == 6
    assert OnnxClassifier.open(str(tmp_path / "run" / "release"))


def test_a_finished_run_is_not_overwritten_or_resumed_with_other_settings(tiny_finished, table):
    run = tiny_finished / "run"

    again = train_here(table, run)
    other = train_here(table, run, "--resume", "--epochs", "9")

    assert again.returncode == 1
    assert "--resume" in again.stderr
    assert other.returncode == 1
    assert "other settings" in other.stderr
    assert "fit.epochs was " in other.stderr


def test_a_corrupt_shard_is_named(tiny_finished, tmp_path):
    prepared = tmp_path / "prepared"
    shutil.copytree(tiny_finished / "run" / "prepared", prepared)
    shard = sorted(prepared.rglob("split=train/**/*.parquet"))[1]
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)

    result = train_here(prepared, tmp_path / "run")

    assert result.returncode == 1
    assert f"shard {shard} is corrupt" in result.stderr
    assert not (tmp_path / "run" / "release").exists()


def test_a_loss_that_is_not_finite_stops_the_run_with_the_epoch(table, tmp_path):
    result = train_here(table, tmp_path / "run", "--peak-rate", "1e38")

    assert result.returncode == 1
    assert "the loss became" in result.stderr
    assert "epoch 1" in result.stderr
    assert not (tmp_path / "run" / "release").exists()


def test_a_full_disk_is_an_error_and_leaves_no_partial_release(table, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        result = train_here(table, tmp_path / "run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert result.returncode == 1
    assert "cannot write the checkpoint of epoch 1" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "run" / "release").exists()

    assert train_here(table, tmp_path / "run", "--resume").returncode == 0


def test_a_class_without_windows_is_named(table, tmp_path):
    result = train_here(table, tmp_path / "run", "--classes", "bike")

    assert result.returncode == 2  # the recordings cannot be used
    assert "no training window of 4.92 s is labelled bike" in result.stderr


def test_a_person_without_windows_gets_a_warning(tmp_path):
    short = made_recording("brief", seconds=3.0)
    data = write_recordings(tmp_path / "made.parquet", [*people(), short])

    result = har_here("prepare", "--data", data, "--output", tmp_path / "prepared", "--in-process",
                      "--classes", "sit", "--classes", "walk")  # fmt: skip

    assert result.returncode == 0, result.stderr
    assert "made/brief has no labelled windows" in result.stderr


def test_few_people_with_words_of_their_own_give_a_personal_release(tmp_path):
    with_words = made_recording("w", seconds=160.0, labels=("Sitting", "Walking", "Tai chi", "unknown"))
    data = write_recordings(tmp_path / "made.parquet", [*people(2), with_words])

    result = train_here(data, tmp_path / "run")

    shown = result.stderr.replace("\n", " ")
    assert "2,000 rows have a label that is none of the classes and count as null rows: tai_chi (2,000)" in shown

    assert result.returncode == 0, result.stderr
    assert manifest_of(tmp_path / "run").personal
    assert "The release is personal" in shown


def test_scheduled_rounds_write_a_history_and_survive_a_failed_one(table, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(table, data / "made.parquet")
    MadeStore.make(tmp_path)
    words = ("train", "--data", data, "--output", tmp_path / "runs", *into(tmp_path), *TINY)

    first = har_here(*words, "--every", "1s", "--rounds", "1")
    (data / "broken.parquet").write_bytes(b"no table")
    second = har_here(*words, "--every", "1s", "--rounds", "1")

    assert first.returncode == 0, first.stderr
    assert second.returncode == 1
    assert "1 of 1 rounds failed" in second.stderr
    rounds = [json.loads(line) for line in (tmp_path / "runs" / "history.jsonl").read_text().splitlines()]
    assert [line["outcome"] for line in rounds] == ["published", "failed"]
    assert "broken.parquet" in rounds[1]["reason"]
    assert rounds[0]["labelled_minutes"] == pytest.approx(8 * 80 / 60, rel=0.05)
    assert stable(tmp_path).release == rounds[0]["release"]


def test_the_same_settings_give_the_same_weights(tiny_finished, table, tmp_path):
    again = train_here(table, tmp_path / "run", *into(shutil.copytree(tiny_finished, tmp_path / "published")))

    assert "evaluating and freezing" in again.stderr
    with np.load(tiny_finished / "run" / "weights.npz") as one, np.load(tmp_path / "run" / "weights.npz") as other:
        assert all(np.array_equal(one[name], other[name]) for name in one.files)
