"""From files of one's own activities to a release, as a person without phones at hand goes."""

import json
import re

import msgspec
import pytest

from har.releases import ReleaseManifest
from model_store.repository.contents import pointers
from model_store.repository.signed_state import read_state
from tests.model_store.made_store import MadeStore
from tests.trainer import tiny_network
from tests.trainer.own_activities import BRIEF, CLASSES, PEOPLE, write_own_recordings
from tests.trainer.training_command import har_here

#: A training that takes seconds.
BRIEFLY = (
    "--network", tiny_network.NAME, "--epochs", "2", "--windows-per-epoch", "256", "--batch", "32", "--threads", "1",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_own_recordings(tmp_path_factory.mktemp("own") / "recordings", seconds=15)


def manifest_of(run):
    return msgspec.json.decode((run / "release" / "manifest.json").read_bytes(), type=ReleaseManifest)


def line_of(text, start):
    return next(line for line in text.splitlines() if line.strip().startswith(start))


def test_every_activity_that_suffices_becomes_a_class(folder, tmp_path):
    with tiny_network.known():
        result = har_here("train", "--data", folder, "--output", tmp_path / "run", "--classes", "all", *BRIEFLY)
        again = har_here(
            *("train", "--data", folder, "--output", tmp_path / "run", "--classes", "all", *BRIEFLY, "--resume")
        )

    assert result.returncode == again.returncode == 0, result.stderr + again.stderr
    manifest = manifest_of(tmp_path / "run")
    assert manifest.classes == CLASSES
    assert manifest.personal
    assert manifest.training_users == sorted(f"phone/{name}" for name in PEOPLE)
    shown = result.stderr
    assert line_of(shown, "teig_kneten").split() == ["teig_kneten", "117", "3", "12", "3"]
    assert line_of(shown, "phone/Ben").split() == ["phone/Ben", "234", "24"]
    assert re.search(
        rf"not a class: {BRIEF.lower()} \(\d training windows, but 20 are needed: record more of it\)", shown
    )
    assert (
        "held out: the last 20% of each activity of each recording. 3 people are too few to hold anybody out" in shown
    )
    assert "`har cross-validate --protocol leave-one-user-out` tests each of the 3 people by a network" in shown
    few = "Even if none of their predictions is wrong, in truth as few as this share may be right: rope_skipping 44%"
    assert few in shown
    assert few in (tmp_path / "run" / "release" / "MODEL_CARD.md").read_text("utf-8")


def test_labels_that_are_none_of_the_classes_are_listed_with_what_to_do(folder, tmp_path):
    words = ("prepare", "--data", folder, "--output", tmp_path / "prepared", "--in-process")
    usual, misspelt = har_here(*words), har_here(*words, "--classes", "Teigkneten,sagen")

    assert usual.returncode == misspelt.returncode == 2  # the recordings cannot be used
    assert "labelled sit, stand, walk, stairsup, stairsdown in recordings. The recordings are labelled" in usual.stderr
    assert all(name in usual.stderr for name in [*CLASSES, BRIEF.lower()])
    assert "or --classes all for every one that is recorded often enough" in usual.stderr
    assert "(teigkneten may mean teig_kneten, sagen may mean sägen)" in misspelt.stderr
    assert not (tmp_path / "prepared").exists()


def test_cross_validation_takes_the_same_classes(folder):
    with tiny_network.known():
        result = har_here(
            "cross-validate", "--data", folder, "--classes", "all", "--protocol", "time",
            "--network", tiny_network.NAME, "--epochs", "1", "--windows-per-epoch", "64", "--threads", "1",
        )  # fmt: skip

    assert result.returncode == 0, result.stderr
    assert f"not a class: {BRIEF.lower()} (5 training windows, but 20 are needed" in result.stderr
    assert all(name in result.stdout for name in CLASSES)


def test_one_class_is_refused_with_the_choice(folder, tmp_path):
    result = har_here("train", "--data", folder, "--output", tmp_path / "run", "--classes", "Sägen")
    assert result.returncode == 2
    assert "a network needs two classes or more, not only Sägen" in result.stderr


@pytest.mark.long
def test_three_people_get_from_their_files_to_a_release_that_a_store_serves(tmp_path):
    """Look, train the shipped network, test on unseen people, evaluate, publish."""
    recordings = write_own_recordings(tmp_path / "recordings", seconds=40)
    others = write_own_recordings(tmp_path / "others", seconds=20, rounds=1)
    release, store = tmp_path / "run" / "release", MadeStore.make(tmp_path)

    looked = har_here("data", "report", "--data", recordings, "--classes", "all", "--output", tmp_path / "page.html")
    trained = har_here(
        "train", "--data", recordings, "--output", tmp_path / "run", "--classes", "all", "--name", "own",
        "--epochs", "8", "--windows-per-epoch", "2400", "--threads", "1",
        "--store", tmp_path / "store", "--online-keys", tmp_path / "keys" / "online",
    )  # fmt: skip
    compared = har_here(
        "cross-validate", "--data", recordings, "--classes", "all", "--protocol", "leave-one-user-out",
        "--epochs", "4", "--windows-per-epoch", "1200", "--threads", "1", "--json",
    )  # fmt: skip
    evaluated = har_here("evaluate", "--release", release, "--data", others, "--json")

    for result in (looked, trained, compared, evaluated):
        assert result.returncode == 0, result.stderr
    # The classes are in its pictures.
    assert f"{BRIEF.lower()} is missing for 2 of 3 users" in (tmp_path / "page.html").read_text("utf-8")
    manifest = manifest_of(tmp_path / "run")
    assert manifest.classes == CLASSES
    assert {artifact.format for artifact in manifest.artifacts} >= {"onnx", "litert-float32", "tensorflow-frozen-graph"}
    assert {absent.format for absent in manifest.left_out} == {"litert-int8"} - {
        artifact.format for artifact in manifest.artifacts
    }
    [scores] = manifest.metrics.values()
    assert scores.macro_f1 > 0.9
    [protocol] = json.loads(compared.stdout)
    assert sorted(user["name"] for user in protocol["measures"]["users"]) == manifest.training_users
    assert json.loads(evaluated.stdout)["accuracy"] > 0.8
    served = pointers(store.storage, read_state(store.storage))["stable"]
    assert served.release == "own"
