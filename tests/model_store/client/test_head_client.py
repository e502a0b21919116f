"""Pulling personal heads: what is fetched, kept and rejected."""

import shutil
from pathlib import Path

import msgspec
import pytest

from har.personal_index import HEADS_KEPT, device_id
from har.release_documents import ReleaseError
from model_store.client.errors import UpdateRejectedError
from model_store.layout import head_path, personal_index_path
from model_store.repository.personal_heads import remove_heads
from model_store.repository.roles import CHANNELS
from tests.model_store.personal_store import copied_store, publish_to
from tests.model_store.served_store import with_a_flipped_byte


@pytest.fixture
def store(store_with_one, tmp_path):
    """A store with the release `one`."""
    return copied_store(store_with_one, tmp_path)


def numbers(heads):
    return {device: [head.number for head in own] for device, own in heads.heads.items()}


def kept_files(client):
    return sorted(path.name for path in (client.folder / "personal").iterdir())


def fetched_heads(client):
    """Return the numbers of the heads that were fetched since the last call."""
    names = [name.removesuffix(".json") for name in client.server.asked if ".personal-" in name]
    client.server.asked.clear()
    return sorted(int(name.rsplit("-", 1)[1]) for name in names)


def test_a_store_without_an_index_has_no_heads(client):
    pulled = client.client().pull_heads()
    assert (pulled.number, pulled.heads) == (0, {})
    assert client.client().last_good_heads() == pulled


def test_all_heads_are_pulled_by_device_and_only_new_ones_are_fetched(client):
    made = [publish_to(client.store, device) for device in ("phone-1", "phone-2", "phone-1")]
    pulled = client.client().pull_heads()
    assert pulled.number == 3
    assert pulled.heads == {"phone-1": [made[0], made[2]], "phone-2": [made[1]]}
    assert fetched_heads(client) == [1, 2, 3]
    publish_to(client.store, "phone-2")
    assert numbers(client.client().pull_heads()) == {"phone-1": [1, 3], "phone-2": [2, 4]}
    assert fetched_heads(client) == [4]


def test_heads_that_an_interrupted_pull_has_fetched_are_not_fetched_again(client):
    for device in ("phone-1", "phone-2", "phone-3"):
        publish_to(client.store, device)
    client.server.change = lambda name, content: None if name.endswith("-3.json") else content
    with pytest.raises(UpdateRejectedError, match="unreachable"):
        client.client().pull_heads()
    assert client.client().last_good_heads().heads == {}
    before = fetched_heads(client)
    client.server.change = lambda name, content: content
    assert len(client.client().pull_heads().heads) == 3
    assert sorted(before + fetched_heads(client)) == [1, 2, 3, 3]


def test_a_device_fetches_its_newest_head_for_each_release_only(client):
    client.store.publish("two")
    for device, release in (("phone-1", "one"), ("phone-2", "one"), ("phone-1", "one"), ("phone-1", "two")):
        publish_to(client.store, device, release)
    assert numbers(client.client().pull_heads(device="phone-1")) == {"phone-1": [3, 4]}
    assert fetched_heads(client) == [3, 4]
    assert client.client().pull_heads(device="phone-3").heads == {}


def test_heads_that_the_store_removed_are_deleted_here(client):
    for device in ("phone-2", *["phone-1"] * (HEADS_KEPT + 1)):
        publish_to(client.store, device)
    assert numbers(client.client().pull_heads())["phone-1"] == [3, 4, 5, 6]
    remove_heads(client.store.storage, client.store.signing, "phone-1")
    pulled = client.client().pull_heads()
    assert (pulled.number, numbers(pulled)) == (7, {"phone-2": [1]})
    assert kept_files(client) == ["good.json", Path(head_path(device_id("phone-2"), 1)).name]


def test_heads_that_an_interrupted_pull_did_not_delete_are_deleted_by_the_next(client, monkeypatch):
    for device in ("phone-1", "phone-2"):
        publish_to(client.store, device)
    client.client().pull_heads()
    remove_heads(client.store.storage, client.store.signing, "phone-1")
    unlink = Path.unlink

    def interrupt(path, **options):
        if path.parent.name == "personal":
            raise KeyboardInterrupt
        unlink(path, **options)

    with monkeypatch.context() as interrupted:
        interrupted.setattr(Path, "unlink", interrupt)
        with pytest.raises(KeyboardInterrupt):
            client.client().pull_heads()
    assert len(kept_files(client)) == 3
    client.client().pull_heads()
    assert kept_files(client) == ["good.json", Path(head_path(device_id("phone-2"), 2)).name]


def test_the_last_good_heads_are_kept_without_the_store_and_after_a_restart(client):
    publish_to(client.store, "phone-1")
    pulled = client.client().pull_heads()
    client.pull()  # keeps a release, and deletes the other downloads
    shutil.rmtree(client.server.folder)
    with pytest.raises(UpdateRejectedError) as rejected:
        client.client().pull_heads()
    assert rejected.value.reason == "unreachable"
    assert client.client().last_good_heads() == pulled


def test_a_head_changed_on_disk_is_detected_and_fetched_again(client):
    publish_to(client.store, "phone-1")
    pulled = client.client().pull_heads()
    (path,) = (client.folder / "personal").glob("personal-*")
    path.write_bytes(path.read_bytes().replace(b"phone-1", b"phone-9"))
    with pytest.raises(ReleaseError, match="not the personal head that was signed"):
        client.client().last_good_heads()
    assert client.client().pull_heads() == pulled == client.client().last_good_heads()


def test_an_unreadable_record_is_reported(client):
    publish_to(client.store, "phone-1")
    client.client().pull_heads()
    (client.folder / "personal" / "good.json").write_bytes(b"{")
    with pytest.raises(UpdateRejectedError, match="delete it to start again"):
        client.client().pull_heads()
    with pytest.raises(ReleaseError, match="delete it to start again"):
        client.client().last_good_heads()


@pytest.mark.parametrize("kind", ["personal.json", "-2.json"])
def test_changed_bytes_are_rejected_and_the_last_good_heads_stay(client, kind):
    publish_to(client.store, "phone-2")
    good = client.client().pull_heads(device="phone-1")
    publish_to(client.store, "phone-1")
    client.server.change = with_a_flipped_byte(kind)
    with pytest.raises(UpdateRejectedError) as rejected:
        client.client().pull_heads(device="phone-1")
    assert rejected.value.reason == "changed"
    assert client.client().last_good_heads() == good


def sign(client, files):
    """Sign files of the role `channels`, unchecked, as an attacker with the online keys could."""
    client.store.sign_as({CHANNELS: files})


def stored_index(client):
    (path, *_) = sorted(
        (client.server.folder / "targets" / "channels").glob("*.personal.json"), key=lambda path: path.stat().st_mtime
    )
    return path.read_bytes()


def test_an_earlier_index_is_rejected_as_rolled_back(client):
    publish_to(client.store, "phone-1")
    earlier = stored_index(client)
    publish_to(client.store, "phone-1")
    assert client.client().pull_heads().number == 2
    sign(client, {personal_index_path(): earlier})
    for least in (0, 2):
        with pytest.raises(UpdateRejectedError, match="change 1 of the personal heads, but change 2 is known") as found:
            client.client().pull_heads(least=least)
        assert found.value.reason == "rolled back"


def test_an_index_older_than_announced_is_rejected_as_rolled_back(client):
    with pytest.raises(UpdateRejectedError, match="no longer has the index") as rejected:
        client.client().pull_heads(least=1)
    assert rejected.value.reason == "rolled back"
    publish_to(client.store, "phone-1")
    assert client.client().pull_heads(least=1).number == 1
    with pytest.raises(UpdateRejectedError, match="but change 2 is known"):
        client.client().pull_heads(least=2)


def test_signed_documents_that_contradict_each_other_are_rejected(client):
    publish_to(client.store, "phone-1")
    own, other = (head_path(device_id(device), 1) for device in ("phone-1", "phone-2"))
    (path,) = (client.server.folder / "targets" / "channels").glob("*.personal-*")
    index = msgspec.json.decode(stored_index(client))
    index["heads"][0]["id"] = device_id("phone-2")
    sign(client, {other: path.read_bytes(), personal_index_path(): msgspec.json.encode(index)})
    with pytest.raises(UpdateRejectedError, match="not the head that the index lists") as rejected:
        client.client().pull_heads()
    assert rejected.value.reason == "contradictory"
    index["heads"][0] |= {"number": 2}
    sign(client, {personal_index_path(): msgspec.json.encode(index | {"number": 2})})
    with pytest.raises(UpdateRejectedError, match="has not signed") as rejected:
        client.client().pull_heads()
    assert rejected.value.reason == "contradictory"
    assert own != other


def test_documents_that_are_too_large_are_rejected_before_they_are_fetched(client):
    publish_to(client.store, "phone-1")
    path = head_path(device_id("phone-1"), 1)
    sign(client, {path: b" " * 65_537})
    client.server.asked.clear()
    with pytest.raises(UpdateRejectedError, match="the limit is 65536") as rejected:
        client.client().pull_heads()
    assert rejected.value.reason == "too long"
    assert fetched_heads(client) == []
