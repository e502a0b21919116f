"""Pulling from a store: what is fetched, what is kept, and behaviour on bad connections."""

import hashlib
import shutil
import time
from dataclasses import replace
from unittest.mock import Mock

import pytest

from model_store.client.errors import UpdateRejectedError
from model_store.release_folder import open_release
from model_store.repository.publishing import promote, rollback
from tests.model_store.client_of_store import HASTY, releases_of
from tests.model_store.served_store import cutting, trickle


def test_a_client_follows_the_channels(client):
    store = client.store
    assert client.pull() == {}
    store.publish("one")
    assert client.pull() == {"stable": "one"}
    store.publish("two", channel="canary", share=0.1)
    assert client.pull() == {"stable": "one", "canary": "two"} == client.good()
    promote(store.storage, store.signing)
    assert client.pull() == {"stable": "two"} == client.good()
    rollback(store.storage, store.signing)
    assert client.pull() == {"stable": "one"} == client.good()


def test_only_new_files_of_the_chosen_formats_are_fetched(client):
    client.store.publish("one")
    client.pull()
    asked = [name.rsplit("/", 1)[-1].split(".", 1)[-1] for name in client.server.asked if name.startswith("targets/")]
    assert sorted(asked) == ["golden.json", "manifest.json", "network.onnx", "stable.json"]
    client.server.asked.clear()
    client.pull()
    assert client.server.asked == ["metadata/2.root.json", "metadata/timestamp.json", client.server.asked[-1]]
    assert client.server.asked[-1].endswith("stable.json")


def test_unused_releases_are_deleted(client):
    for name in ("one", "two", "three"):
        client.store.publish(name)
        client.pull()
    assert [folder.name.split(".")[0] for folder in (client.folder / "releases").iterdir()] == ["three"]
    assert list((client.folder / "downloads").iterdir()) == []


def test_last_good_release_is_kept_without_the_store_and_after_a_restart(client):
    client.store.publish("one")
    client.pull()
    client.server.change = lambda name, content: None
    shutil.rmtree(client.server.folder)
    with pytest.raises(UpdateRejectedError, match="unreachable") as rejected:
        client.pull()
    assert rejected.value.reason == "unreachable"
    assert client.good() == {"stable": "one"}


def test_store_without_a_server_is_unreachable(client):
    client.server.url = "http://127.0.0.1:1"
    with pytest.raises(UpdateRejectedError) as rejected:
        client.pull()
    assert rejected.value.reason == "unreachable"


def test_changed_local_file_is_detected_and_fetched_again(client):
    client.store.publish("one")
    client.pull()
    (folder,) = (client.folder / "releases").iterdir()
    (folder / "manifest.json").write_bytes(b"{}")
    with pytest.raises(ValueError, match="manifest"):
        client.good()
    assert client.pull() == {"stable": "one"} == client.good()


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_pull_survives_a_hundred_broken_connections(client, knows_ranges):
    client.store.publish("one")
    client.server.knows_ranges = knows_ranges
    client.server.send = cutting(100, seed=knows_ranges)
    pulls = 0
    while True:
        pulls += 1
        try:
            assert client.pull() == {"stable": "one"}
        except UpdateRejectedError as rejected:
            assert rejected.reason == "unreachable"
        else:
            break
    assert len(client.server.asked) > 100
    assert pulls < 50
    assert client.good() == {"stable": "one"}


def test_interrupted_download_is_resumed_by_the_next_pull(client):
    client.store.publish("one")
    begun = []

    def send(answer):
        begun.append(answer.begin)
        answer.write(answer.content[:100_000])
        if "onnx" in answer.name:
            answer.cut()

    client.server.send = send
    client.server.change = lambda name, content: content if begun.count(0) < 20 else None
    try:
        client.pull()
    except UpdateRejectedError:
        pytest.fail("each connection brought something")
    size = open_release("baseline").manifest.artifact("onnx").bytes
    assert [begin for begin in begun if begin] == list(range(100_000, size, 100_000))


def test_endless_download_is_interrupted(client):
    client.store.publish("one")
    client.server.send = lambda answer: trickle(answer) if "onnx" in answer.name else answer.write(answer.content)
    began = time.monotonic()
    with pytest.raises(UpdateRejectedError, match="bytes a second") as rejected:
        client.pull()
    assert rejected.value.reason == "slow"
    assert time.monotonic() - began < 10
    client.server.send = None
    assert client.pull() == {"stable": "one"}


def test_slow_metadata_is_interrupted(client):
    client.store.publish("one")
    client.pull()
    client.store.publish("two")
    client.server.send = trickle
    began = time.monotonic()
    with pytest.raises(UpdateRejectedError) as rejected:
        client.pull()
    assert rejected.value.reason == "slow"
    assert time.monotonic() - began < 10
    assert client.good() == {"stable": "one"}


def test_deadline_covers_the_whole_pull(client):
    client.store.publish("one")

    def slowly(answer):
        for begin in range(0, len(answer.content), 4096):
            answer.write(answer.content[begin : begin + 4096])
            answer.stopped.wait(0.1)

    client.server.send = slowly
    began = time.monotonic()
    with pytest.raises(UpdateRejectedError, match=r"was not downloaded within 1\.5 s") as rejected:
        client.client(replace(HASTY, deadline_seconds=1.5)).pull()
    assert rejected.value.reason == "slow"
    assert time.monotonic() - began < 4


def test_deadline_restarts_with_each_pull(client, monkeypatch):
    client.store.publish("one")
    long_running = client.client()
    later = Mock(wraps=time, monotonic=lambda: time.monotonic() + HASTY.deadline_seconds + 1)
    monkeypatch.setattr("model_store.client.fetching.time", later)
    assert releases_of(long_running.pull()) == {"stable": "one"}


def test_server_error_is_retried(client):
    client.store.publish("one")
    failures = iter([True, True, True])

    def send(answer):
        if "onnx" in answer.name and next(failures, False):
            answer.cut()
        else:
            answer.write(answer.content)

    client.server.send = send
    with pytest.raises(UpdateRejectedError) as rejected:
        client.pull()
    assert rejected.value.reason == "unreachable"
    assert client.pull() == {"stable": "one"}


def test_files_are_kept_by_their_content(client):
    client.store.publish("one")
    client.client().pull()
    downloads = list((client.folder / "downloads").iterdir())
    assert downloads
    for path in downloads:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
