"""A device's release: the last good one at once, newer ones as the store has them, and never a wrong one."""

import hashlib
import shutil
import threading

import msgspec
import pytest

from har.channels import is_canary
from har.releases import GoldenWindow
from model_store.client.errors import UpdateRejectedError
from model_store.repository.publishing import promote, publish, rollback
from tests.model_store.client_of_store import HASTY
from tests.model_store.served_store import cutting

#: By the hash of their names, one is among the tenth that gets a canary, and one is not.
CANARY_DEVICE = next(name for number in range(1_000) if is_canary(name := f"phone-{number}", 0.1))
OTHER_DEVICE = next(name for number in range(1_000) if not is_canary(name := f"phone-{number}", 0.1))


def running(updates) -> str | None:
    return updates.running.pointer.release if updates.running is not None else None


def test_a_device_follows_its_channel(client, updates_of):
    store = client.store
    store.publish("one")
    canary, other = updates_of(CANARY_DEVICE), updates_of(OTHER_DEVICE)
    canary.update(), other.update()
    assert running(canary) == running(other) == "one"
    store.publish("two", channel="canary", share=0.1)
    assert (canary.update(), other.update()) == (True, False)
    assert (running(canary), running(other)) == ("two", "one")
    promote(store.storage, store.signing)
    canary.update(), other.update()
    assert running(canary) == running(other) == "two"
    rollback(store.storage, store.signing)
    canary.update(), other.update()
    assert running(canary) == running(other) == "one"


def test_a_device_fetches_only_what_is_for_it(client, updates_of):
    client.store.publish("one")
    client.store.publish("two", channel="canary", share=0.1)
    updates_of(OTHER_DEVICE).update()
    asked = [name for name in client.server.asked if name.startswith("targets/releases/")]
    assert asked
    assert not any("/two/" in name for name in asked)
    assert {name.rsplit(".", 1)[-1] for name in asked} == {"json", "tflite"}


def test_updates_come_by_themselves_while_the_context_is_open(client, updates_of):
    changed = threading.Event()
    names = []

    def note(update) -> None:
        names.append(update.pointer.release)
        changed.set()

    client.store.publish("one")
    with updates_of(on_change=note) as updates:
        assert updates.wait_for_release(20).pointer.release == "one"
        changed.clear()
        client.store.publish("two")
        assert changed.wait(20)
    assert names == ["one", "two"]


def test_after_a_restart_without_a_store_the_last_good_release_runs(client, updates_of):
    client.store.publish("one")
    updates_of().update()
    shutil.rmtree(client.server.folder)
    rejections = threading.Semaphore(0)
    with updates_of(on_rejected=lambda _: rejections.release()) as updates:
        assert updates.wait_for_release(0).pointer.release == "one"
        assert rejections.acquire(timeout=20)
        assert updates.rejected.reason == "unreachable"
        assert running(updates) == "one"


def test_signatures_that_expired_stop_updates_and_nothing_else(client, updates_of):
    client.store.publish("one")
    updates = updates_of()
    updates.update()
    document = client.server.folder / "metadata" / "timestamp.json"
    kept = document.read_bytes()
    client.store.publish("two")
    client.server.change = lambda name, content: kept if name == "metadata/timestamp.json" else content
    assert not updates.update()  # news kept back are no news yet
    assert running(updates) == "one"


def test_a_device_that_never_had_a_release_says_why_there_is_none(client, updates_of):
    with updates_of() as updates, pytest.raises(UpdateRejectedError, match="no release"):
        updates.wait_for_release(1)
    shutil.rmtree(client.server.folder)
    with updates_of() as updates, pytest.raises(UpdateRejectedError, match="unreachable"):
        updates.wait_for_release(1)


def test_a_release_that_answers_its_golden_window_wrongly_never_runs(client, updates_of):
    client.store.publish("one")
    updates = updates_of(form="litert-float32")
    updates.update()
    wrong = client.store.release("wrong")
    golden = msgspec.json.decode((wrong / "golden.json").read_bytes(), type=GoldenWindow)
    turned = golden.probabilities[1:] + golden.probabilities[:1]
    (wrong / "golden.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(golden, probabilities=turned)))
    files = {f"releases/wrong/{path.name}": path.read_bytes() for path in wrong.iterdir()}
    pointer = updates.running.pointer
    digest = hashlib.sha256(files["releases/wrong/manifest.json"]).hexdigest()
    client.store.sign(
        files, msgspec.structs.replace(pointer, number=pointer.number + 1, release="wrong", manifest_sha256=digest)
    )
    with pytest.raises(UpdateRejectedError, match="golden window wrongly") as rejected:
        updates.update()
    assert rejected.value.reason == "unusable"
    assert running(updates) == "one"
    again = updates_of(form="litert-float32")
    again.load_last_good()
    assert running(again) == "one"


def test_a_form_that_a_release_does_not_have_is_rejected(client, updates_of):
    folder = client.store.release("one")
    manifest = msgspec.json.decode((folder / "manifest.json").read_bytes())
    manifest["artifacts"] = [each for each in manifest["artifacts"] if each["format"] == "onnx"]
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    publish(client.store.storage, client.store.signing, folder)
    with pytest.raises(UpdateRejectedError, match="no litert-int8 artifact"):
        updates_of().update()


def test_a_hundred_cuts_of_the_network_delay_an_update_and_do_not_prevent_it(client, updates_of):
    client.store.publish("one")
    client.server.send = cutting(100, seed=1)
    with updates_of(interval_seconds=0.05) as updates:
        assert updates.wait_for_release(HASTY.deadline_seconds + 30).pointer.release == "one"
