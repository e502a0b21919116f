"""The updater of a device: it loads the last good release at once, follows the store, and rejects bad releases."""

import hashlib
import shutil
import threading

import msgspec
import pytest

from har.artifacts import GoldenWindow, LeftOut
from har.channels import is_canary
from har.personal_head import encode_head
from har.personal_index import HeadEntry, PersonalIndex, device_id, encode_index
from har.releases import decode_manifest, encode_manifest
from model_store.client.errors import UpdateRejectedError
from model_store.layout import head_path, personal_index_path
from model_store.repository.personal_heads import publish_head, remove_heads
from model_store.repository.publishing import promote, publish, rollback
from tests.model_store.client_of_store import HASTY
from tests.model_store.personal_store import head_of, publish_to
from tests.model_store.served_store import cutting, with_a_flipped_byte

#: By the hash of its name, the first device gets a canary for a tenth of the devices, and the second does not.
CANARY_DEVICE = next(name for number in range(1_000) if is_canary(name := f"phone-{number}", 0.1))
OTHER_DEVICE = next(name for number in range(1_000) if not is_canary(name := f"phone-{number}", 0.1))


def current(updater) -> str | None:
    return updater.current.pointer.release if updater.current is not None else None


def test_a_device_follows_its_channel(client, updater_of):
    store = client.store
    store.publish("one")
    canary, other = updater_of(CANARY_DEVICE), updater_of(OTHER_DEVICE)
    canary.update(), other.update()
    assert current(canary) == current(other) == "one"
    store.publish("two", channel="canary", share=0.1)
    assert (canary.update(), other.update()) == (True, False)
    assert (current(canary), current(other)) == ("two", "one")
    promote(store.storage, store.signing)
    canary.update(), other.update()
    assert current(canary) == current(other) == "two"
    rollback(store.storage, store.signing)
    canary.update(), other.update()
    assert current(canary) == current(other) == "one"


def test_device_fetches_only_its_own_release(client, updater_of):
    client.store.publish("one")
    client.store.publish("two", channel="canary", share=0.1)
    updater_of(OTHER_DEVICE).update()
    asked = [name for name in client.server.asked if name.startswith("targets/releases/")]
    assert asked
    assert not any("/two/" in name for name in asked)
    assert {name.rsplit(".", 1)[-1] for name in asked} == {"json", "tflite"}


def test_updates_are_pulled_while_the_context_is_open(client, updater_of):
    changed = threading.Event()
    names = []

    def note(update) -> None:
        names.append(update.pointer.release)
        changed.set()

    client.store.publish("one")
    with updater_of(on_change=note) as updater:
        assert updater.wait_for_release(20).pointer.release == "one"
        changed.clear()
        client.store.publish("two")
        assert changed.wait(20)
    assert names == ["one", "two"]


def test_updates_continue_after_an_unexpected_error(client, updater_of, caplog):
    changed = threading.Event()

    def note(update) -> None:
        if update.pointer.release == "one":
            raise ZeroDivisionError("a bug")
        changed.set()

    client.store.publish("one")
    with updater_of(on_change=note) as updater:
        assert updater.wait_for_release(20).pointer.release == "one"
        client.store.publish("two")
        assert changed.wait(20)
    assert "cannot check the store, will retry: unexpected error" in caplog.text


def test_last_good_release_is_used_after_a_restart_without_a_store(client, updater_of):
    client.store.publish("one")
    updater_of().update()
    shutil.rmtree(client.server.folder)
    rejections = threading.Semaphore(0)
    with updater_of(on_rejected=lambda _: rejections.release()) as updater:
        assert updater.wait_for_release(0).pointer.release == "one"
        assert rejections.acquire(timeout=20)
        assert updater.rejected.reason == "unreachable"
        assert current(updater) == "one"


def test_withheld_timestamp_keeps_the_current_release(client, updater_of):
    client.store.publish("one")
    updater = updater_of()
    updater.update()
    document = client.server.folder / "metadata" / "timestamp.json"
    kept = document.read_bytes()
    client.store.publish("two")
    client.server.change = lambda name, content: kept if name == "metadata/timestamp.json" else content
    assert not updater.update()  # a withheld update is not detected before the timestamp expires
    assert current(updater) == "one"


def test_device_without_a_release_reports_the_reason(client, updater_of):
    with updater_of() as updater, pytest.raises(UpdateRejectedError, match="no release"):
        updater.wait_for_release(1)
    shutil.rmtree(client.server.folder)
    with updater_of() as updater, pytest.raises(UpdateRejectedError, match="unreachable"):
        updater.wait_for_release(1)


def test_release_that_fails_its_golden_window_is_rejected(client, updater_of):
    client.store.publish("one")
    updater = updater_of(form="litert-float32")
    updater.update()
    wrong = client.store.release("wrong")
    golden = msgspec.json.decode((wrong / "golden.json").read_bytes(), type=GoldenWindow)
    turned = golden.probabilities[1:] + golden.probabilities[:1]
    (wrong / "golden.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(golden, probabilities=turned)))
    files = {f"releases/wrong/{path.name}": path.read_bytes() for path in wrong.iterdir()}
    pointer = updater.current.pointer
    digest = hashlib.sha256(files["releases/wrong/manifest.json"]).hexdigest()
    client.store.sign(
        files, msgspec.structs.replace(pointer, number=pointer.number + 1, release="wrong", manifest_sha256=digest)
    )
    with pytest.raises(UpdateRejectedError, match="fails its golden window") as rejected:
        updater.update()
    assert rejected.value.reason == "unusable"
    assert current(updater) == "one"
    again = updater_of(form="litert-float32")
    again.load_last_good()
    assert current(again) == "one"


def test_missing_artifact_format_is_rejected_with_the_reason(client, updater_of):
    source = client.store.release("one")
    manifest = decode_manifest((source / "manifest.json").read_bytes())
    lacking = msgspec.structs.replace(
        manifest,
        artifacts=[each for each in manifest.artifacts if each.format != "litert-int8"],
        left_out=[LeftOut("litert-int8", "it predicts otherwise")],
    )
    (source / "manifest.json").write_bytes(encode_manifest(lacking))
    publish(client.store.storage, client.store.signing, source)
    with pytest.raises(UpdateRejectedError, match="no litert-int8 artifact: it predicts otherwise"):
        updater_of().update()
    assert updater_of(form="litert-float32").update()


def test_update_survives_a_hundred_broken_connections(client, updater_of):
    client.store.publish("one")
    client.server.send = cutting(100, seed=1)
    with updater_of(interval_seconds=0.05) as updater:
        assert updater.wait_for_release(HASTY.deadline_seconds + 30).pointer.release == "one"


def head(updater) -> int | None:
    return updater.current.head.number if updater.current.head is not None else None


def test_a_device_uses_its_newest_personal_head_for_its_release_at_once(client, updater_of):
    store, seen = client.store, []
    store.publish("one")
    updater = updater_of(on_change=lambda current: seen.append(current.head and current.head.number))
    assert updater.update()
    publish_to(store, "another-phone")
    assert not updater.update()
    assert head(updater) is None
    publish_head(store.storage, store.signing, head_of("phone"), lead_seconds=600)
    assert not updater.update()  # the release is the same
    assert head(updater) == 2
    store.publish("two")
    assert updater.update()
    assert (current(updater), head(updater)) == ("two", None)
    rollback(store.storage, store.signing)
    updater.update()
    assert (current(updater), head(updater)) == ("one", 2)
    remove_heads(store.storage, store.signing, "phone")
    updater.update()
    assert (current(updater), head(updater)) == ("one", None)
    assert seen == [None, 2, None, 2, None]


def test_the_last_good_head_is_used_without_a_store_and_a_rejected_one_changes_nothing(client, updater_of):
    client.store.publish("one")
    publish_to(client.store, "phone")
    updater = updater_of()
    updater.update()
    publish_to(client.store, "phone")
    client.server.change = with_a_flipped_byte("-2.json")
    with pytest.raises(UpdateRejectedError) as rejected:
        updater.update()
    assert rejected.value.reason == "changed"
    assert head(updater) == 1
    again = updater_of()
    again.load_last_good()
    assert (current(again), head(again)) == ("one", 1)


def test_a_head_that_does_not_fit_the_release_is_not_used(client, updater_of, caplog):
    client.store.publish("one")
    made = head_of("phone", number=1)
    odd = msgspec.structs.replace(made, outputs=[*made.outputs[:-2], made.outputs[-1], made.outputs[-2]])
    index = PersonalIndex(1, [HeadEntry(device_id("phone"), 1, "one", odd.effective)])
    files = {head_path(device_id("phone"), 1): encode_head(odd), personal_index_path(): encode_index(index)}
    client.store.sign_as({"channels": files})
    updater = updater_of()
    updater.update()
    assert head(updater) is None
    assert "personal head 1 does not fit the outputs of one" in caplog.text
