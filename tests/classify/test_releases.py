"""The release that classifies: the shipped one, a folder, and the stable one of a signed store."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from classify.releases import StoreAccess, open_classifier
from har.release_documents import ReleaseError
from model_store.client.errors import UpdateRejectedError
from tests.model_store.made_store import MadeStore, copied_release
from tests.model_store.served_store import ServedStore, served, with_a_flipped_byte


@pytest.fixture
def store(tmp_path: Path) -> MadeStore:
    return MadeStore.make(tmp_path)


@pytest.fixture
def server(store: MadeStore) -> Iterator[ServedStore]:
    with served(Path(store.storage.url)) as server:
        yield server


@pytest.fixture
def access(store: MadeStore, tmp_path: Path) -> StoreAccess:
    root = tmp_path / "trusted_root.json"
    root.write_bytes(store.root)
    return StoreAccess(root, folder=tmp_path / "releases")


def test_the_shipped_release_and_a_folder(tmp_path: Path) -> None:
    assert open_classifier().manifest == open_classifier("baseline").manifest
    assert open_classifier(copied_release(tmp_path, "mine")).manifest.release == "mine"
    with pytest.raises(ReleaseError, match=r"no release at nowhere/manifest\.json"):
        open_classifier("nowhere")
    with pytest.raises(ReleaseError, match=r"s3://models is not the URL of a store: it must begin with http"):
        open_classifier("s3://models")


def test_the_stable_release_of_a_store_and_later_the_next_one(
    store: MadeStore, server: ServedStore, access: StoreAccess
) -> None:
    with pytest.raises(UpdateRejectedError, match="the store has no release yet"):
        open_classifier(server.url, access)
    store.publish("one")
    store.publish("two", channel="canary", share=1.0)
    assert open_classifier(server.url, access).manifest.release == "one"
    assert not [name for name in server.asked if "releases/two/" in name]
    store.publish("three")
    assert open_classifier(server.url + "/", access).manifest.release == "three"


@pytest.mark.parametrize("changed", ["timestamp.json", "network.onnx"])
def test_a_changed_store_is_not_believed(
    store: MadeStore, server: ServedStore, access: StoreAccess, changed: str, caplog: pytest.LogCaptureFixture
) -> None:
    store.publish("one")
    server.change = with_a_flipped_byte(changed)
    with pytest.raises(UpdateRejectedError, match=r"unsigned|changed"):
        open_classifier(server.url, access)
    server.change = lambda _, content: content
    assert open_classifier(server.url, access).manifest.release == "one"
    store.publish("two", channel="stable")
    server.change = with_a_flipped_byte(changed)
    assert open_classifier(server.url, access).manifest.release == "one"
    assert "using one, which was good last" in caplog.text


def test_without_the_store_the_release_that_was_good_last(
    store: MadeStore, access: StoreAccess, caplog: pytest.LogCaptureFixture
) -> None:
    store.publish("one")
    with served(Path(store.storage.url)) as server:
        open_classifier(server.url, access)
    assert open_classifier(server.url, access).manifest.release == "one"
    assert "update rejected (unreachable)" in caplog.text


def test_another_stores_root_is_not_trusted(server: ServedStore, tmp_path: Path, access: StoreAccess) -> None:
    other = MadeStore.make(tmp_path / "other")
    access.trusted_root.write_bytes(other.root)
    with pytest.raises(
        UpdateRejectedError, match=rf"\(unsigned\): .*; is {access.trusted_root} the trusted root of {server.url}"
    ):
        open_classifier(server.url, access)
    with pytest.raises(ReleaseError, match="no trusted root at"):
        open_classifier(server.url, StoreAccess(tmp_path / "absent.json"))
    with pytest.raises(ReleaseError, match=r"cannot be kept in .*root\.json/\w+: Not a directory"):
        open_classifier(server.url, StoreAccess(access.trusted_root, folder=access.trusted_root))


def test_two_at_a_time_share_a_folder(store: MadeStore, server: ServedStore, access: StoreAccess) -> None:
    store.publish("one")
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(open_classifier(server.url, access).manifest.release))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["one"] * 4
