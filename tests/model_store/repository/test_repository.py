"""The signed store: its contents after each change, in a folder and in object storage."""

import resource
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from har.release_documents import ReleaseError
from model_store.repository.contents import fetch_release, files_of, history, pointers, release_names
from model_store.repository.creation import RootKeys, create_store
from model_store.repository.errors import StoreError
from model_store.repository.exclusive_writing import LEASE, exclusive
from model_store.repository.key_rotation import renew, rotate_key
from model_store.repository.publishing import promote, publish, rollback
from model_store.repository.refreshing import due, refresh, soon
from model_store.repository.roles import OFFLINE, ONLINE, ROLES
from model_store.repository.signed_state import Signing, read_state
from model_store.repository.signing_keys import Keyring
from model_store.repository.storage import MissingFileError, Storage
from model_store.repository.verification import verify_store
from tests.model_store.killed_publishing import killed_before_each_change
from tests.model_store.made_store import MadeStore, ago

PUBLISH_INTO = """
from model_store.repository.publishing import publish
from model_store.repository.signed_state import Signing
from model_store.repository.signing_keys import Keyring
from model_store.repository.storage import Storage

def publish_into(store):
    publish(Storage(str(store)), Signing(Keyring(Path(arguments[1]))), Path(arguments[0]))
"""


PUBLISH = """
import sys
from pathlib import Path
from model_store.repository.publishing import publish
from model_store.repository.signed_state import Signing
from model_store.repository.signing_keys import Keyring
from model_store.repository.storage import Storage

publish(Storage(sys.argv[2]), Signing(Keyring(Path(sys.argv[3]))), Path(sys.argv[1]))
"""


def names(store: MadeStore) -> dict[str, str | None]:
    """Return the release of each channel."""
    return {channel: each.release for channel, each in pointers(store.storage, read_state(store.storage)).items()}


def whole(store: MadeStore) -> bool:
    """Return whether the store has no faults."""
    findings = verify_store(store.storage)
    return not findings.faults and not findings.notes


def test_a_store_begins_empty_and_whole(store):
    assert whole(store)
    assert names(store) == {}
    with pytest.raises(StoreError, match="is a store already"):
        create_store(store.storage, store.signing)


def test_folder_without_a_store_is_reported_with_a_remedy(tmp_path):
    with pytest.raises(StoreError, match="har store init"):
        read_state(Storage(str(tmp_path)))


def test_published_release_is_stored_and_pointed_to(store, tmp_path):
    pointer = store.publish("one", reason="the first")
    assert (pointer.release, pointer.number, pointer.replaced, pointer.reason) == ("one", 1, None, "the first")
    assert whole(store)
    state = read_state(store.storage)
    assert release_names(state) == ["one"]
    fetched = fetch_release(store.storage, state, "one", tmp_path / "fetched")
    source = tmp_path / "made" / "one"
    assert {path.name: path.read_bytes() for path in source.iterdir()} == {
        path.name: path.read_bytes() for path in fetched.folder.iterdir()
    }


def test_changes_are_numbered_and_kept_in_the_history(store):
    store.publish("one")
    store.publish("two", reason="better")
    store.publish("three", channel="canary", share=0.1)
    promote(store.storage, store.signing, reason="it did well")
    rollback(store.storage, store.signing, reason="it did not")
    changes = [(each.channel, each.number, each.release, each.replaced, each.change) for each in _history(store)]
    assert changes == [
        ("stable", 1, "one", None, "publish"),
        ("stable", 2, "two", "one", "publish"),
        ("canary", 1, "three", None, "publish"),
        ("stable", 3, "three", "two", "promote"),
        ("canary", 2, None, "three", "promote"),
        ("stable", 4, "two", "three", "rollback"),
    ]
    assert whole(store)


def _history(store: MadeStore):
    return history(store.storage, read_state(store.storage))


def test_repeated_rollbacks_go_further_back(store):
    for name in ("one", "two", "three"):
        store.publish(name)
    assert rollback(store.storage, store.signing).release == "two"
    assert rollback(store.storage, store.signing).release == "one"
    with pytest.raises(StoreError, match="one is the first stable release"):
        rollback(store.storage, store.signing)
    store.publish("four")
    assert rollback(store.storage, store.signing).release == "one"
    assert rollback(store.storage, store.signing, to="three").release == "three"
    with pytest.raises(StoreError, match="no release five; it has: four, one, three, two"):
        rollback(store.storage, store.signing, to="five")


def test_a_rollback_never_brings_back_older_metadata(store):
    store.publish("one")
    store.publish("two")
    before = read_state(store.storage)
    rollback(store.storage, store.signing)
    after = read_state(store.storage)
    for role in ("channels", "snapshot", "timestamp"):
        assert after.of(role).signed.version > before.of(role).signed.version


def test_canary_has_a_share_and_rolls_back_to_none(store):
    store.publish("one")
    pointer = store.publish("two", channel="canary", share=0.1)
    assert pointer.share == 0.1
    assert names(store) == {"stable": "one", "canary": "two"}
    rollback(store.storage, store.signing, channel="canary", reason="slow")
    assert names(store) == {"stable": "one", "canary": None}
    for act in (promote, lambda *to: rollback(*to, channel="canary")):
        with pytest.raises(StoreError, match=r"no canary|no release"):
            act(store.storage, store.signing)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, float("nan")])
def test_invalid_share_is_rejected(store, share):
    store.publish("one")
    with pytest.raises(ReleaseError, match="share"):
        store.publish("two", channel="canary", share=share)
    assert names(store) == {"stable": "one"}
    assert not verify_store(store.storage).faults


def test_release_name_cannot_be_reused(store, tmp_path):
    store.publish("one")
    store.publish("two")
    again = publish(store.storage, store.signing, tmp_path / "made" / "one")
    assert (again.release, again.number) == ("one", 3)
    shutil.rmtree(tmp_path / "made" / "two")
    with pytest.raises(StoreError, match="another release named two"):
        publish(store.storage, store.signing, store.release("two", created="2026-01-01T00:00:00+00:00"))
    assert names(store) == {"stable": "one"}


def test_publishing_is_rejected_if_stable_has_changed(store):
    store.publish("one", replacing=None)
    store.publish("two", replacing="one")
    with pytest.raises(StoreError, match="two is now stable, but three was compared with one"):
        store.publish("three", replacing="one")
    assert whole(store)


def test_corrupt_release_is_not_published(store):
    folder = store.release("one")
    content = bytearray((folder / "network.tflite").read_bytes())
    content[1000] ^= 1
    (folder / "network.tflite").write_bytes(content)
    with pytest.raises(ReleaseError, match=r"network\.tflite of one differs from its manifest"):
        publish(store.storage, store.signing, folder)
    assert names(store) == {}


@pytest.mark.parametrize("name", ["../one", "a/b", ".one", "", "o" * 129, "on e"])
def test_invalid_release_name_is_rejected(store, name):
    folder = store.release("plain", release=name)
    with pytest.raises(ReleaseError, match="cannot be a release's name"):
        publish(store.storage, store.signing, folder)


def test_publishing_needs_the_keys(store, tmp_path):
    signing = Signing(Keyring(tmp_path / "nowhere"))
    with pytest.raises(StoreError, match=r"key.* of the role releases must sign, but 0 are in"):
        publish(store.storage, signing, store.release("one"))
    assert names(store) == {}


def test_online_keys_suffice_to_publish_and_roll_back(store):
    online = replace(store.signing, keys=Keyring(store.signing.keys.online))
    for name in ("one", "two"):
        publish(store.storage, online, store.release(name))
    assert rollback(store.storage, online).release == "one"
    with pytest.raises(StoreError, match="signs offline"):
        rotate_key(store.storage, online, "releases")


def test_private_keys_are_owner_readable_and_offline_keys_encrypted(store):
    keys = store.signing.keys
    files = [*keys.online.iterdir(), *keys.offline.iterdir()]
    assert len(files) == len(ROLES)
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    for path in files:
        assert (b"ENCRYPTED" in path.read_bytes()) == path.name.startswith(OFFLINE)
    with pytest.raises(StoreError, match=r"cannot read the key .*root-.*\.pem"):
        renew(store.storage, replace(store.signing, keys=replace(keys, passphrase=b"wrong")))


@pytest.mark.parametrize("role", ROLES)
def test_rotated_key_replaces_the_old_one(store, role):
    store.publish("one")
    old = read_state(store.storage).of(role).signatures
    kept = store.folder / "kept"
    shutil.copytree(store.folder / "keys", kept)
    new = rotate_key(store.storage, store.signing, role)
    assert new not in old
    assert whole(store)
    store.publish("two")
    renew(store.storage, store.signing)
    assert whole(store)
    with pytest.raises(StoreError, match=f"key.* of the role {role} must sign"):
        renew_and_publish(store, Keyring(kept / "online", kept / "offline", b"secret"))


def renew_and_publish(store: MadeStore, keys: Keyring) -> None:
    signing = replace(store.signing, keys=keys)
    renew(store.storage, signing)
    publish(store.storage, signing, store.release("three"))


def test_root_needs_the_required_number_of_keys(tmp_path):
    signing = Signing(Keyring(tmp_path / "online", tmp_path / "offline"))
    storage = Storage(str(tmp_path / "store"))
    create_store(storage, signing, RootKeys(made=3, needed=2))
    renew(storage, signing)
    first, second, _ = sorted((tmp_path / "offline").glob("root-*.pem"))
    first.unlink()
    renew(storage, signing)  # two are left
    with pytest.raises(StoreError, match="name one key of the role root"):
        rotate_key(storage, signing, "root")
    second.unlink()
    with pytest.raises(StoreError, match=r"2 key.* of the role root must sign, but 1 are in"):
        renew(storage, signing)
    assert not verify_store(storage).faults
    with pytest.raises(StoreError, match="3 of 2 root keys"):
        RootKeys(made=2, needed=3)


def test_only_expiring_signatures_are_renewed(store):
    store.publish("one")
    assert refresh(store.storage, store.signing) == []
    assert due(read_state(store.storage), store.at(ago(hours=-13))) == ["timestamp"]
    later = store.at(ago(days=-60))
    assert refresh(store.storage, later) == list(ONLINE)
    assert refresh(store.storage, later) == []
    assert soon(read_state(store.storage), later) == []
    assert soon(read_state(store.storage), store.at(ago(days=-340))) == list(OFFLINE)
    assert names(store) == {"stable": "one"}
    assert len(_history(store)) == 1


def test_expired_signatures_are_reported(tmp_path):
    store = MadeStore.make(tmp_path, clock=ago(days=2))
    assert verify_store(store.storage).faults == [
        f"the signature of timestamp expired at {read_state(store.storage).timestamp.signed.expires.isoformat()}"
    ]
    refresh(store.storage, store.at(ago()))
    assert not verify_store(store.storage).faults


def test_every_changed_byte_is_found(store):
    store.publish("one")
    folder = Path(store.storage.url)
    state = read_state(store.storage)
    counted = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    current = {f"{state.of(role).signed.version}.{role}.json" for role in ROLES} | {"timestamp.json"}
    checked = [path for path in counted if path.parent.name != "metadata" or path.name in current]
    assert len(checked) == len(ROLES) + 1 + len(files_of(state, "one"))
    for path in checked:
        content = path.read_bytes()
        at = content.index(b'"sig":') + 12 if path.parent.name == "metadata" else len(content) // 2
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert verify_store(store.storage).faults, path
        path.unlink()
        assert verify_store(store.storage).faults, path
        path.write_bytes(content)
    assert whole(store)


@pytest.mark.parametrize("name", ["", "a//b", "../a", "a/../b", "/a", "a\\b"])
def test_names_outside_the_store_are_rejected(store, name):
    for act in (store.storage.size, store.storage.exists, lambda each: store.storage.read(each, limit=1)):
        with pytest.raises(MissingFileError):
            act(name)


@pytest.mark.slow
def test_kill_9_at_every_step_of_publishing_leaves_the_old_state_or_the_new(store, tmp_path):
    store.publish("one")
    folder = Path(store.storage.url)
    attempts = killed_before_each_change(
        PUBLISH_INTO, folder, store.release("two"), store.signing.keys.online, timeout=250
    )
    seen = []
    for attempt in attempts:
        killed = replace(store, storage=Storage(str(attempt)))
        assert not verify_store(killed.storage).faults
        seen.append(names(killed)["stable"])
        again = publish(killed.storage, store.signing, tmp_path / "made" / "two")
        assert again.release == "two"
        assert not verify_store(killed.storage).faults
    assert len(attempts) > 30
    assert seen == sorted(seen)  # first the old state, then the new one
    assert set(seen) == {"one", "two"}


def test_concurrent_publishers_take_turns(store):
    words = [(store.release(name), store.storage.url, store.signing.keys.online) for name in ("one", "two", "three")]
    processes = [subprocess.Popen([sys.executable, "-c", PUBLISH, *map(str, each)]) for each in words]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    published = history(store.storage, read_state(store.storage))
    assert {each.release for each in published} == {"one", "two", "three"}
    assert [each.replaced for each in published] == [None, *(each.release for each in published[:-1])]
    assert whole(store)


def test_full_disk_leaves_the_old_state(store):
    store.publish("old")
    words = (store.release("new"), store.storage.url, store.signing.keys.online)
    ran = subprocess.run(
        [sys.executable, "-c", PUBLISH, *map(str, words)],
        check=False, capture_output=True, text=True, timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )  # fmt: skip
    assert ran.returncode == 1
    assert "OSError" in ran.stderr
    assert names(store) == {"stable": "old"}
    assert not verify_store(store.storage).faults
    publish(store.storage, store.signing, words[0])
    assert names(store) == {"stable": "new"}


# --- object storage


@pytest.mark.slow
def test_a_store_in_object_storage_is_like_one_in_a_folder(s3_store, tmp_path):
    for name in ("one", "two"):
        s3_store.publish(name)
    s3_store.publish("three", channel="canary", share=0.5)
    promote(s3_store.storage, s3_store.signing)
    assert rollback(s3_store.storage, s3_store.signing).release == "two"
    rotate_key(s3_store.storage, s3_store.signing, "releases")
    assert whole(s3_store)
    assert release_names(read_state(s3_store.storage)) == ["one", "three", "two"]
    assert not s3_store.storage.exists(LEASE)
    fetched = fetch_release(s3_store.storage, read_state(s3_store.storage), "one", tmp_path / "fetched")
    assert fetched.read_artifact("onnx")


def test_one_writer_at_a_time_writes_to_object_storage(s3_store):
    with (
        exclusive(s3_store.storage),
        pytest.raises(StoreError, match="another process writes to"),
        exclusive(s3_store.storage, wait_seconds=0.1),
    ):
        pass
    with exclusive(s3_store.storage, wait_seconds=0.1) as still_mine:
        still_mine()
        s3_store.storage.remove(LEASE)
        with pytest.raises(StoreError, match="lost the lease"):
            still_mine()


def test_lease_of_a_dead_writer_expires(s3_store):
    s3_store.storage.write(LEASE, b'{"holder": "gone", "until": 1000.0}')
    s3_store.publish("one")
    assert whole(s3_store)
