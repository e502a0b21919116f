"""`har personalise`: from labels in an archive to a signed head for one device."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deploy.cli import main
from har.personal_index import device_id
from har.time_units import MICROSECONDS
from model_store.repository.personal_heads import read_head, read_index
from model_store.repository.signed_state import read_state
from tests.har.made_heads import FLAT, UPRIGHT
from tests.model_store.made_store import MadeStore
from tests.model_store.personal_store import copied_store

BEGIN = 1_700_000_000
DEVICE = "phone-1"


@dataclass(frozen=True)
class Stretch:
    """Seconds of a phone that hardly moves, with a label."""

    label: str | None
    seconds: int
    gravity: tuple[float, float, float]
    device: str = DEVICE
    rate: int = 50


def archive_of(folder: Path, *stretches: Stretch) -> str:
    """Write the tables of an archive: the stretches one after the other, in one session a device."""
    samples, labels, chance, now = [], [], np.random.default_rng(0), BEGIN
    for stretch in stretches:
        count = stretch.seconds * stretch.rate
        times = now * MICROSECONDS + np.arange(count) * (MICROSECONDS // stretch.rate)
        axes = chance.normal(stretch.gravity, 0.3, (count, 3))
        names = {"device": [stretch.device] * count, "session": ["s1"] * count, "t": times}
        samples.append(pa.table(names | {axis: axes[:, column] for column, axis in enumerate("xyz")}))
        now += stretch.seconds
        if stretch.label is not None:
            label = {"start": int(times[0]), "end": now * MICROSECONDS, "activity": stretch.label, "said_at": 1}
            labels.append({"device": stretch.device, "session": "s1"} | label)
    for name, table in (("samples", pa.concat_tables(samples)), ("labels", pa.Table.from_pylist(labels))):
        (folder / name).mkdir(parents=True)
        if len(table):
            pq.write_table(table, folder / name / "1.parquet")
    return str(folder)


#: What a wearer labels: seated with the phone flat, and standing with the phone upright.
SEATED, STANDING = Stretch("sit", 24, FLAT), Stretch("stand", 24, UPRIGHT)


@pytest.fixture(scope="module")
def store_with_one(tmp_path_factory):
    """A store with a copy of the shipped release."""
    made = MadeStore.make(tmp_path_factory.mktemp("store"))
    made.publish("one")
    return made


@pytest.fixture
def store(store_with_one, tmp_path):
    return copied_store(store_with_one, tmp_path)


@pytest.fixture
def personalise(store, capsys):
    """Runs `har personalise` for the device; returns the status, the output and the errors."""

    def call(archive: str, *words: str):
        keys = ["--store", store.storage.url, "--online-keys", str(store.signing.keys.online)]
        status = main(["personalise", DEVICE, "--archive", archive, *keys, *words])
        return status, *capsys.readouterr()

    return call


def heads_of(store):
    state = read_state(store.storage)
    return [read_head(store.storage, state, entry) for entry in read_index(store.storage, state).heads]


def test_a_head_is_made_from_the_labels_of_one_device_and_published(store, personalise, tmp_path):
    others = [Stretch("walk", 24, UPRIGHT, device="phone-2"), Stretch(None, 24, FLAT)]
    archive = archive_of(tmp_path / "archive", SEATED, STANDING, *others)
    status, out, err = personalise(archive)
    assert (status, err) == (0, "")
    (head,) = heads_of(store)
    assert (head.device, head.release, head.number) == (DEVICE, "one", 1)
    assert head.seconds.keys() == {"sit", "stand"}
    assert all(20 <= seconds <= 24 for seconds in head.seconds.values())
    assert head.held_back.improves
    assert [entry.id for entry in read_index(store.storage, read_state(store.storage)).heads] == [device_id(DEVICE)]
    assert out.startswith(f"{DEVICE}: published personal head 1 for one, in effect from ")
    assert "made from   sit 2" in out
    assert "not labelled walk, stairsup, stairsdown, jog, lie: the head may answer these worse" in out
    assert f"{head.held_back.right_after:.0%} with it" in out
    assert "(more than one label)" in out  # the windows between the two activities


def test_a_dry_run_publishes_nothing_and_needs_no_key(store, tmp_path, capsys):
    archive = archive_of(tmp_path / "archive", SEATED, STANDING)
    words = ["--store", store.storage.url, "--online-keys", str(tmp_path / "none"), "--dry-run", "--json"]
    assert main(["personalise", DEVICE, "--archive", archive, *words]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["device"], done["release"], done["number"], done["effective"]) == (DEVICE, "one", None, None)
    assert done["held_back"]["right_after"] >= done["held_back"]["right_before"]
    assert heads_of(store) == []


def test_unusable_windows_are_left_out_and_counted(personalise, tmp_path):
    others = [Stretch("juggle", 12, FLAT), Stretch("sit", 12, FLAT, rate=10)]
    status, out, _ = personalise(archive_of(tmp_path / "archive", SEATED, STANDING, *others), "--json", "--dry-run")
    assert status == 0
    left_out = json.loads(out)["left_out"]
    assert 8 <= left_out["juggle"] <= 9
    assert 8 <= left_out["sparse"] <= 9


@pytest.mark.parametrize(
    ("stretches", "status", "message"),
    [
        ([SEATED, Stretch("stand", 10, UPRIGHT)], 1, r"Label stand for \d+ s more"),
        ([SEATED], 1, "Label 15 s or more of another activity: stand"),
        ([SEATED, Stretch("stand", 24, UPRIGHT, device="phone-2")], 1, "of another activity: "),
        ([Stretch("juggle", 24, FLAT)], 1, r"labelled are: none. Left out were \d+ windows juggle"),
        ([Stretch("sit", 24, FLAT, rate=10), STANDING], 1, r"Left out were .*\d+ windows sparse"),
        ([Stretch(None, 24, FLAT)], 2, "no labelled readings of phone-1: label on the phone page or the dashboard"),
    ],
)
def test_too_little_labelled_time_says_what_to_label(store, personalise, tmp_path, stretches, status, message):
    failed, out, err = personalise(archive_of(tmp_path / "archive", *stretches))
    assert (failed, out) == (status, "")
    assert err.startswith("har personalise: ")
    assert re.search(message, err)
    assert heads_of(store) == []


def test_a_missing_archive_key_or_release_is_reported(store, personalise, tmp_path, capsys):
    status, _, err = personalise(str(tmp_path / "nowhere"))
    assert (status, "there is no archive at" in err) == (2, True)
    archive = archive_of(tmp_path / "archive", SEATED, STANDING)
    words = ["--store", store.storage.url, "--online-keys", str(tmp_path / "none")]
    assert main(["personalise", DEVICE, "--archive", archive, *words]) == 1
    assert "key" in capsys.readouterr().err
    empty = MadeStore.make(tmp_path / "empty")
    assert main(["personalise", DEVICE, "--archive", archive, "--store", empty.storage.url]) == 1
    assert "no release for phone-1 yet" in capsys.readouterr().err
    assert main(["personalise", "no device", "--archive", archive]) == 2
