"""Personal heads in the signed store: added, replaced and removed, also by processes that are killed."""

from dataclasses import replace
from pathlib import Path

import pytest

from har.personal_index import HEADS_KEPT, device_id
from har.release_documents import ReleaseError
from har.time_units import MICROSECONDS
from model_store.repository.contents import history
from model_store.repository.errors import StoreError
from model_store.repository.personal_heads import publish_head, read_head, read_index, remove_heads
from model_store.repository.publishing import rollback
from model_store.repository.signed_state import read_state
from model_store.repository.storage import Storage
from model_store.repository.verification import verify_store
from tests.model_store.killed_publishing import killed_before_each_change
from tests.model_store.made_store import MadeStore, ago
from tests.model_store.personal_store import channel_targets, copied_store, head_of, personal_files, publish_to

FORGET = """
from model_store.repository.personal_heads import remove_heads
from model_store.repository.signed_state import Signing
from model_store.repository.signing_keys import Keyring
from model_store.repository.storage import Storage

def publish_into(store):
    remove_heads(Storage(str(store)), Signing(Keyring(Path(arguments[0]))), "phone-1")
"""


@pytest.fixture
def store(store_with_one: MadeStore, tmp_path: Path) -> MadeStore:
    """A store with the release `one`."""
    return copied_store(store_with_one, tmp_path)


def index_of(store: MadeStore):
    return read_index(store.storage, read_state(store.storage))


def test_a_store_without_heads_has_an_empty_index(store):
    assert (index_of(store).number, index_of(store).heads) == (0, [])
    assert remove_heads(store.storage, store.signing, "phone-1") == 0
    assert index_of(store).number == 0


def test_a_published_head_takes_effect_after_the_lead_time(store):
    clock = ago(hours=1)
    before = clock().timestamp()
    head = publish_head(store.storage, store.at(clock), head_of("phone-1", effective=7, number=99), lead_seconds=5)
    assert head.number == 1
    assert (before + 5) * MICROSECONDS <= head.effective <= (clock().timestamp() + 5) * MICROSECONDS
    (entry,) = index_of(store).heads
    assert (entry.id, entry.release) == (device_id("phone-1"), "one")
    assert read_head(store.storage, read_state(store.storage), entry) == head
    assert verify_store(store.storage).personal_heads == 1


def test_the_store_keeps_the_newest_heads_of_a_device_and_no_other_files(store):
    numbers = [publish_to(store, device).number for device in ["phone-2"] + ["phone-1"] * (HEADS_KEPT + 2)]
    assert numbers == list(range(1, HEADS_KEPT + 4))
    kept = [entry.number for entry in index_of(store).heads if entry.id == device_id("phone-1")]
    assert kept == numbers[-HEADS_KEPT:]
    names = [f"personal-{device_id('phone-1')}-{number}.json" for number in kept]
    names += [f"personal-{device_id('phone-2')}-1.json"]
    assert channel_targets(store) == sorted(f"channels/{name}" for name in [*names, "personal.json", "stable.json"])
    # The index of the edition before is still there, for a client that is fetching it.
    assert personal_files(store) == sorted([*names, "personal.json", "personal.json"])
    findings = verify_store(store.storage)
    assert (findings.faults, findings.notes) == ([], [])


def test_the_heads_of_a_device_are_removed_and_no_number_is_used_twice(store):
    for device in ("phone-1", "phone-1", "phone-2"):
        publish_to(store, device)
    assert remove_heads(store.storage, store.signing, "phone-1") == 2
    assert index_of(store).number == 4
    assert [entry.id for entry in index_of(store).heads] == [device_id("phone-2")]
    assert not any(device_id("phone-1") in name for name in personal_files(store) + channel_targets(store))
    assert publish_to(store, "phone-1").number == 5


def test_a_head_must_fit_a_release_of_the_store(store):
    with pytest.raises(StoreError, match="no release other"):
        publish_to(store, "phone-1", "other")
    head = head_of("phone-1")
    turned = replace_outputs(head.outputs)
    with pytest.raises(StoreError, match="the personal head corrects"):
        publish_to(store, "phone-1", outputs=turned)
    with pytest.raises(ReleaseError, match="not finite"):
        publish_to(store, "phone-1", offsets=[float("nan")] * len(head.outputs))
    assert (index_of(store).number, personal_files(store)) == (0, [])


def replace_outputs(outputs):
    return [outputs[1], outputs[0], *outputs[2:]]


def test_a_full_store_rejects_the_head_of_another_device(store, monkeypatch):
    monkeypatch.setattr("model_store.repository.personal_heads.MAX_HEADS", 1)
    publish_to(store, "phone-1")
    with pytest.raises(StoreError, match="har devices forget"):
        publish_to(store, "phone-2")
    assert publish_to(store, "phone-1").number == 2


def test_heads_do_not_lengthen_the_history_of_the_channels(store):
    for _ in range(6):
        publish_to(store, "phone-1")
    store.publish("two")
    rollback(store.storage, store.signing)
    for _ in range(6):
        publish_to(store, "phone-1")
    state = read_state(store.storage)
    assert [(each.number, each.release) for each in history(store.storage, state)] == [
        (1, "one"),
        (2, "two"),
        (3, "one"),
    ]
    kept = [name for name in store.storage.names("metadata") if name.endswith(".channels.json")]
    assert state.channels.signed.version > 12
    assert len(kept) < 8
    assert not verify_store(store.storage).faults


def test_a_damaged_head_is_a_fault(store):
    publish_to(store, "phone-1")
    (path,) = (Path(store.storage.url) / "targets" / "channels").glob("*.personal-*")
    path.write_bytes(path.read_bytes().replace(b"phone-1", b"phone-9"))
    assert "differs from what was signed" in str(verify_store(store.storage).faults)
    path.unlink()
    assert "there is no" in str(verify_store(store.storage).faults)


@pytest.mark.long
def test_kill_9_at_every_step_of_forgetting_leaves_nothing_once_it_is_repeated(store):
    for device in ("phone-1", "phone-1", "phone-2"):
        publish_to(store, device)
    attempts = killed_before_each_change(FORGET, Path(store.storage.url), store.signing.keys.online, timeout=100)
    left = []
    for attempt in attempts:
        killed = replace(store, storage=Storage(str(attempt)))
        assert not verify_store(killed.storage).faults
        left.append(sum(entry.id == device_id("phone-1") for entry in index_of(killed).heads))
        remove_heads(killed.storage, store.signing, "phone-1")
        assert not verify_store(killed.storage).faults
        assert not any(device_id("phone-1") in name for name in personal_files(killed))
    assert len(attempts) > 10
    assert left == sorted(left, reverse=True)  # first all heads, then none
    assert set(left) == {2, 0}
