"""Attacks on a store, its connection and its keys: each is rejected with its reason, and the old release is kept."""

import json
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from har.releases import decode_manifest, encode_manifest
from model_store.client.errors import UpdateRejectedError
from model_store.repository.contents import pointers
from model_store.repository.key_rotation import renew, rotate_key
from model_store.repository.publishing import publish
from model_store.repository.refreshing import refresh
from model_store.repository.roles import Lifetimes
from model_store.repository.signed_state import read_state
from tests.model_store.client_of_store import Client
from tests.model_store.made_store import MadeStore, ago
from tests.model_store.served_store import served, with_a_flipped_byte

#: Lifetime of the signatures that expire during a test, s.
EXPIRY_SECONDS = 4


def rejected(client: Client, **options: object) -> UpdateRejectedError:
    """Pull; check that the update is rejected and the last good releases stay."""
    before = client.good()
    with pytest.raises(UpdateRejectedError) as error:
        if options:
            client.client().pull(**options)
        else:
            client.pull()
    assert client.good() == before
    return error.value


def ready(client: Client) -> None:
    """Publish and pull a first release, then publish a second one."""
    client.store.publish("one")
    assert client.pull() == {"stable": "one"}
    client.store.publish("two")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("timestamp.json", "unsigned"),
        ("snapshot.json", "changed"),
        ("releases.json", "changed"),
        ("channels.json", "changed"),
        ("2.root.json", "unsigned"),
        ("stable.json", "changed"),
        ("manifest.json", "changed"),
        ("golden.json", "changed"),
        ("network.onnx", "changed"),
    ],
)
def test_a_flipped_byte(client, kind, reason):
    ready(client)
    renew(client.store.storage, client.store.signing)

    client.server.change = with_a_flipped_byte(kind)
    assert rejected(client).reason == reason
    client.server.change = lambda name, content: content
    assert client.pull() == {"stable": "two"}


def recorded(client: Client) -> dict[str, bytes]:
    """Return all files that the store has served, as an attacker could have kept them."""
    folder = client.server.folder
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_old_timestamp_after_a_newer_one(client):
    client.store.publish("one")
    old = recorded(client)
    client.store.publish("two")
    assert client.pull() == {"stable": "two"}
    client.server.change = old.get
    assert rejected(client).reason == "rolled back"


def test_an_old_timestamp_while_a_newer_one_is_withheld_but_announced(client):
    client.store.publish("one")
    old = recorded(client)
    assert client.pull() == {"stable": "one"}
    client.store.publish("two")
    client.server.change = old.get
    assert client.pull() == {"stable": "one"}  # the withheld update is not detected …
    frozen = rejected(client, least={"stable": 2})  # … without an announcement
    assert frozen.reason == "rolled back"
    assert "change 2 is known" in str(frozen)


@pytest.mark.slow
def test_an_old_timestamp_that_is_served_until_it_expires(tmp_path):
    store = MadeStore.make(tmp_path, clock=ago(hours=24, seconds=-EXPIRY_SECONDS))
    store.publish("one")
    with served(Path(store.storage.url)) as server:
        client = Client(store, server, tmp_path / "client")
        assert client.pull() == {"stable": "one"}
        old = recorded(client)
        publish(store.storage, store.at(ago()), store.release("two"))
        server.change = old.get
        server.stopped.wait(EXPIRY_SECONDS + 1)
        assert rejected(client).reason == "expired"
        server.change = lambda name, content: content
        assert client.pull() == {"stable": "two"}


def test_an_older_release_by_a_pointer_that_was_signed_before(client):
    client.store.publish("one")
    old = pointers(client.store.storage, read_state(client.store.storage))["stable"]
    client.store.publish("two")
    assert client.pull() == {"stable": "two"}
    client.store.sign({}, old)  # with the right key, in new metadata
    older = rejected(client)
    assert older.reason == "rolled back"
    assert "the store has change 1 of stable, but change 2 is known" in str(older)


@pytest.mark.parametrize("role", ["channels", "releases", "snapshot"])
def test_metadata_of_one_edition_with_those_of_another(client, role):
    ready(client)
    state = read_state(client.store.storage)
    version = state.of(role).signed.version
    other = (client.server.folder / "metadata" / f"{version - 1}.{role}.json").read_bytes()
    client.server.change = lambda name, content: other if name.endswith(f"{version}.{role}.json") else content
    assert rejected(client).reason == "changed"


@pytest.mark.parametrize("role", ["releases", "channels", "snapshot", "timestamp"])
def test_a_release_that_was_signed_by_a_revoked_key(client, role, tmp_path):
    client.store.publish("one")
    assert client.pull() == {"stable": "one"}
    thief = client.store.stolen(client.server.folder, tmp_path)
    rotate_key(client.store.storage, client.store.signing, role)
    assert client.pull() == {"stable": "one"}

    # The thief signs a far later version with the revoked key.
    for number in range(5):
        thief.publish(f"stolen-{number}")
    client.server.change = thief.online_files().get
    assert rejected(client).reason in ("unsigned", "rolled back")


def test_files_without_end(client):
    ready(client)

    def endless(answer):
        piece = bytes(65_536)
        while not answer.stopped.is_set():
            answer.write(piece)

    def longer(name, content):
        # With a matching Content-Length, too.
        return content + bytes(10_000_000) if content is not None and name.endswith(kind) else content

    for kind in ("timestamp.json", "snapshot.json", "channels.json", "stable.json", "network.onnx"):
        client.server.change = longer
        assert rejected(client).reason == "too long", kind
    client.server.change = lambda name, content: content
    client.server.send = lambda answer: (
        endless(answer) if answer.name.endswith("onnx") else answer.write(answer.content)
    )
    assert rejected(client).reason in ("too long", "changed")
    client.server.send = None
    assert client.pull() == {"stable": "two"}


def test_a_root_that_expired(tmp_path):
    store = MadeStore.make(tmp_path, clock=ago(days=2), lifetimes=Lifetimes(offline=timedelta(days=1)))
    now = store.at(ago())
    publish(store.storage, now, store.release("one"))
    with served(Path(store.storage.url)) as server:
        client = Client(store, server, tmp_path / "client")
        expired = rejected(client)
        assert expired.reason == "expired"
        assert "root" in str(expired)
        rotate_key(store.storage, now, "root")  # signed with the keys of the expired root, which is still trusted
        renew(store.storage, now)
        assert client.pull() == {"stable": "one"}


def test_a_file_name_that_leads_elsewhere(client, tmp_path):
    client.store.publish("one")
    client.pull()
    manifest = decode_manifest((client.store.release("slipping") / "manifest.json").read_bytes())
    artifacts = [msgspec.structs.replace(manifest.artifacts[0], name="../../escaped.onnx"), *manifest.artifacts[1:]]
    client.store.publish_changed("slip", artifacts=artifacts)
    slipped = rejected(client)
    assert slipped.reason == "unusable"
    assert "'../../escaped.onnx' cannot be the name of a release's file" in str(slipped)
    assert not list(tmp_path.rglob("escaped*"))


def test_a_release_name_that_leads_elsewhere(client):
    client.store.publish("one")
    client.pull()
    client.store.publish_changed("../escaped")
    slipped = rejected(client)
    assert slipped.reason == "unusable"
    assert "'../escaped' cannot be a release's name" in str(slipped)


def test_a_manifest_that_lies_about_sizes(client):
    client.store.publish("one")
    client.pull()
    manifest = decode_manifest((client.store.release("lying") / "manifest.json").read_bytes())
    artifacts = [msgspec.structs.replace(each, bytes=each.bytes - 1) for each in manifest.artifacts]
    client.store.publish_changed("liar", artifacts=artifacts)
    lie = rejected(client)
    assert lie.reason == "contradictory"
    assert f"network.onnx {manifest.artifact('onnx').bytes - 1} bytes" in str(lie)


def test_a_manifest_that_lies_about_classes(client):
    client.store.publish("one")
    client.pull()
    client.store.publish_changed("liar", classes=["sit", "stand"], shown_for={}, upright=None)
    before = client.good()
    with pytest.raises(ValueError, match=r"the network returns \d+ probabilities, the manifest names \d+"):
        client.pull()
    assert client.good() == before


def test_a_network_that_fails_its_golden_window(client):
    client.store.publish("one")
    client.pull()
    files = {path.name: path.read_bytes() for path in client.store.release("other").iterdir()}
    golden = json.loads(files["golden.json"])
    golden["probabilities"].reverse()
    files["golden.json"] = json.dumps(golden).encode()
    manifest = decode_manifest(files["manifest.json"])
    files["manifest.json"] = encode_manifest(msgspec.structs.replace(manifest, release="other"))
    client.store.sign_and_point("other", files)
    with pytest.raises(ValueError, match="fails its golden window"):
        client.pull()
    assert client.good() == {"stable": "one"}


@pytest.mark.parametrize(("schema", "advice"), [(2, "upgrade har"), (0, "publish the release again")])
def test_a_release_with_an_unknown_schema(client, schema, advice):
    client.store.publish("one")
    client.pull()
    client.store.publish_changed("later", schema=schema)
    unknown = rejected(client)
    assert unknown.reason == "unusable"
    assert f"schema {schema}; this version of har reads 1: {advice}" in str(unknown)


def test_a_pointer_with_an_unknown_schema(client):
    client.store.publish("one")
    client.pull()
    known = pointers(client.store.storage, read_state(client.store.storage))["stable"]
    client.store.sign({}, msgspec.structs.replace(known, number=2, schema=2))
    assert "the channel's pointer has schema 2; this version of har reads 1: upgrade har" in str(rejected(client))


def test_another_store(client, tmp_path):
    client.store.publish("one")
    client.pull()
    other = MadeStore.make(tmp_path / "other")
    for number in range(9):
        other.publish(f"evil-{number}")
    with served(Path(other.storage.url)) as server:
        client.server = server
        assert rejected(client).reason == "unsigned"


@pytest.mark.slow
def test_expired_metadata_stops_updates_and_keeps_the_release(tmp_path):
    store = MadeStore.make(tmp_path, clock=ago(hours=24, seconds=-EXPIRY_SECONDS))
    store.publish("one")
    with served(Path(store.storage.url)) as server:
        client = Client(store, server, tmp_path / "client")
        assert client.pull() == {"stable": "one"}
        server.stopped.wait(EXPIRY_SECONDS + 1)
        assert rejected(client).reason == "expired"
        assert client.good() == {"stable": "one"}
        refresh(store.storage, store.at(ago()))
        assert client.pull() == {"stable": "one"}
