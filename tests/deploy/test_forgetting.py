"""`har devices forget` removes the personal heads of a device from the store."""

import re
from pathlib import Path

import pytest

from har.personal_index import device_id
from model_store.repository.personal_heads import read_index
from model_store.repository.signed_state import read_state
from tests.command_line import CommandLine
from tests.model_store.made_store import MadeStore
from tests.model_store.personal_store import personal_files, publish_to


@pytest.fixture
def forget(tmp_path, monkeypatch, capsys):
    """A function that calls `har devices forget` in a folder without a store."""
    monkeypatch.chdir(tmp_path)

    def call(name: str, *words: str):
        places = [
            "--registry",
            "sqlite:///devices.sqlite3",
            "--archive",
            "archive",
            "--redis-url",
            "redis://127.0.0.1:1",
        ]
        return CommandLine(monkeypatch, capsys).call("devices", "forget", name, *places, *words)

    return call


def test_the_heads_of_the_device_alone_are_removed(forget, tmp_path):
    store = MadeStore.make(tmp_path / "made")
    store.publish("one")
    for device in ("phone-1", "phone-1", "phone-2"):
        publish_to(store, device)
    keys = ("--store", store.storage.url, "--online-keys", str(store.signing.keys.online))
    missing = forget("phone-1", "--store", store.storage.url, "--online-keys", str(tmp_path / "none"))
    assert missing.status == 1
    assert re.search(r"store: the personal heads in .* were NOT erased; run this command again: .*key", missing.err)
    assert "store: 2 personal heads erased" in forget("phone-1", *keys).out
    assert "store: nothing to erase" in forget("phone-1", *keys).out
    assert [entry.id for entry in read_index(store.storage, read_state(store.storage)).heads] == [device_id("phone-2")]
    assert not any(device_id("phone-1") in name for name in personal_files(store))


def test_a_store_that_is_not_there_is_an_error_only_if_it_was_named(forget, tmp_path):
    assert "store: nothing to erase, as there is no store at .har/store" in forget("phone-1").out
    named = forget("phone-1", "--store", str(tmp_path / "nowhere"))
    assert named.status == 1
    assert "is not a store" in named.err
    assert not Path(tmp_path / "nowhere" / "metadata").exists()
