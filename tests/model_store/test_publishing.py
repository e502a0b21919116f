import resource
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import msgspec
import pytest

from har.releases import ReleaseError, decode_manifest, encode_manifest
from model_store.onnx_classifier import OnnxClassifier
from model_store.publishing import current_release, history, is_published, publish
from model_store.release_folder import open_release
from tests.model_store.killed_publishing import killed_before_each_change
from tests.model_store.made_store import copied_release

PUBLISH_INTO = """
from model_store.publishing import publish

def publish_into(store):
    publish(Path(arguments[0]), store)
"""
PUBLISH = """
import sys
from pathlib import Path
from model_store.publishing import publish

publish(*map(Path, sys.argv[1:]))
"""


@pytest.fixture
def make_release(tmp_path):
    """Copies of the shipped release under other names."""
    return partial(copied_release, tmp_path / "made")


@pytest.fixture
def store(tmp_path) -> Path:
    return tmp_path / "store"


def current_name(store: Path) -> str | None:
    """Open the current release as a consumer does; return its name."""
    folder = current_release(store)
    return OnnxClassifier.open(str(folder)).manifest.release if folder is not None else None


def test_what_was_published_is_current_whole_and_remembered(make_release, store):
    assert current_release(store) is None
    for name in ("one", "two"):
        placed = publish(make_release(name), store)
        assert placed == current_release(store) == store / name
        assert current_name(store) == name
    assert [(each.release, each.replaced) for each in history(store)] == [("one", None), ("two", "one")]
    source = make_release("three")
    publish(source, store)
    assert {path.name: path.read_bytes() for path in source.iterdir()} == {
        path.name: path.read_bytes() for path in (store / "three").iterdir()
    }


def test_a_name_is_used_once(make_release, store):
    publish(make_release("one"), store)
    publish(make_release("two"), store)
    with pytest.raises(ReleaseError, match="one already"):
        publish(store / "one", store)
    assert current_name(store) == "two"


def test_a_copy_that_never_became_current_makes_way_for_the_same_release_frozen_again(make_release, store):
    publish(make_release("one"), store)
    make_release("two", created="2026-01-01T00:00:00+00:00").rename(store / "two")  # killed before the pointer
    again = make_release("two", created="2026-01-02T00:00:00+00:00")
    placed = publish(again, store, replacing="one")
    assert (placed / "manifest.json").read_bytes() == (again / "manifest.json").read_bytes()
    assert current_name(store) == "two"
    assert not list(store.glob(".*.part"))


def test_what_is_in_the_way_and_no_copy_of_the_release_is_left_alone(make_release, store):
    store.mkdir()
    make_release("other").rename(store / "two")
    (store / "three").mkdir()
    (store / "three" / "notes.txt").write_text("Mine.")
    with pytest.raises(ReleaseError, match="is in the way: it is the release other"):
        publish(make_release("two"), store)
    with pytest.raises(ReleaseError, match="is in the way, and no release"):
        publish(make_release("three"), store)
    assert (store / "three" / "notes.txt").exists()
    assert (store / "two" / "manifest.json").exists()


def test_what_was_compared_with_another_release_than_the_current_one_is_not_published(make_release, store):
    publish(make_release("one"), store, replacing=None)
    publish(make_release("two"), store, replacing="one")
    with pytest.raises(ReleaseError, match="two is current by now, but late was compared with one"):
        publish(make_release("late"), store, replacing="one")
    with pytest.raises(ReleaseError, match="two is current by now, but first was compared with none"):
        publish(make_release("first"), store, replacing=None)
    assert current_name(store) == "two"
    assert not (store / "late").exists()
    with pytest.raises(ReleaseError, match="no release is current by now"):
        publish(store / "two", store.with_name("other"), replacing="one")


def test_a_release_is_known_to_be_published_once_it_is_current_and_ever_after(make_release, store):
    assert not is_published(store, "one")
    publish(make_release("one"), store)
    assert is_published(store, "one")
    (store / "history.jsonl").write_bytes(b"")  # as if killed right after the pointer was changed
    assert is_published(store, "one")
    publish(make_release("two"), store)
    assert is_published(store, "one")
    assert is_published(store, "two")
    make_release("three").rename(store / "three")  # as if killed right before
    assert not is_published(store, "three")


@pytest.mark.parametrize(
    "name", ["../evil", ".hidden", "current", "history.jsonl", "candidates.jsonl", "", "a\nb", "x" * 200]
)
def test_a_name_that_is_no_file_name_is_refused(make_release, store, tmp_path, name):
    folder = make_release("folder")
    manifest = decode_manifest((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_bytes(encode_manifest(msgspec.structs.replace(manifest, release=name)))
    with pytest.raises(ReleaseError, match="plain file name"):
        publish(folder, store)
    assert not store.exists()


def test_a_damaged_release_is_not_published(make_release, store):
    publish(make_release("one"), store)
    damaged = make_release("two")
    network = damaged / "network.onnx"
    network.write_bytes(network.read_bytes()[:-1])
    with pytest.raises(ReleaseError, match="not what its manifest says"):
        publish(damaged, store)
    wrong = make_release("three", classes=[*reversed(open_release("baseline").manifest.classes)][:4])
    with pytest.raises(ReleaseError):
        publish(wrong, store)
    assert current_name(store) == "one"
    assert sorted(path.name for path in store.iterdir() if path.is_dir()) == ["one"]


def test_whoever_reads_meanwhile_sees_whole_releases_in_order(make_release, store):
    names = [f"release-{number}" for number in range(5)]
    folders = [make_release(name) for name in names]
    publish(folders[0], store)
    seen: list[str | None] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.append(current_name(store))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for folder in folders[1:]:
        publish(folder, store)
    done.set()
    for reader in readers:
        reader.join()
    assert None not in seen
    assert set(seen) <= set(names)
    assert len(set(seen)) > 1
    assert current_name(store) == names[-1]


def test_two_who_publish_at_once_take_turns(make_release, store):
    folders = [make_release(name) for name in ("one", "two", "three")]
    processes = [subprocess.Popen([sys.executable, "-c", PUBLISH, folder, store]) for folder in folders]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    published = history(store)
    assert {each.release for each in published} == {"one", "two", "three"}
    assert [each.replaced for each in published] == [None, *(each.release for each in published[:-1])]
    assert current_name(store) == published[-1].release


def test_a_kill_before_any_change_leaves_the_old_or_the_new_release(make_release, store):
    publish(make_release("old"), store)
    new = make_release("new")
    *killed, finished = killed_before_each_change(PUBLISH_INTO, store, new, timeout=60)
    assert current_name(finished) == "new"
    found = [current_name(attempt) for attempt in killed]
    following = make_release("following")
    for attempt, current in zip(killed, found, strict=True):
        # The next try finishes what is not current; what is current, whatever is published next remembers.
        publish(new if current == "old" else following, attempt)
        assert [each.release for each in history(attempt)][:2] == ["old", "new"]
        assert current_name(attempt) != "old"
        assert not list(attempt.glob(".*.part"))
    assert found.count("old") >= 6  # the folder, its files, its name, the pointer
    assert found == sorted(found, key=["old", "new"].index)
    assert "new" in found


def test_a_full_disk_leaves_the_old_release_and_nothing_half_written(make_release, store):
    publish(make_release("old"), store)
    new = make_release("new")

    def nearly_full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    ran = subprocess.run(
        [sys.executable, "-c", PUBLISH, new, store],
        check=False, capture_output=True, text=True, timeout=60, preexec_fn=nearly_full,
    )  # fmt: skip
    assert ran.returncode == 1
    assert "OSError" in ran.stderr
    assert current_name(store) == "old"
    assert not (store / "new").exists()
    assert not list(store.glob(".*.part"))
    publish(new, store)
    assert current_name(store) == "new"


def test_a_line_of_the_history_that_was_cut_short_makes_way(make_release, store):
    publish(make_release("one"), store)
    with (store / "history.jsonl").open("ab") as file:
        file.write(b'{"release": "tw')
    publish(make_release("two"), store)
    assert [each.release for each in history(store)] == ["one", "two"]


def test_a_damaged_store_says_what_is_wrong(make_release, store):
    publish(make_release("one"), store)
    (store / "current").write_text("gone\n")
    with pytest.raises(ReleaseError, match="names gone, which is not in the store"):
        current_release(store)
    (store / "history.jsonl").write_bytes(b"{}\n")
    with pytest.raises(ReleaseError, match="line 1"):
        history(store)
