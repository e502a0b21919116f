"""Attacks on a store, its connection and its keys: the page rejects them and keeps the last good release."""

import hashlib
import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import TargetFile

from har.artifacts import LeftOut
from har.background import Background, kinds_of
from har.releases import decode_manifest, encode_manifest
from model_store.layout import pointer_path, target_name
from model_store.repository.contents import pointers
from model_store.repository.exclusive_writing import exclusive
from model_store.repository.key_rotation import renew, rotate_key
from model_store.repository.publishing import publish
from model_store.repository.roles import Lifetimes
from model_store.repository.signed_state import Edition, newest_root, read_state, sign, signers_of
from tests.ingest.phone_page.page_modules import RejectedByPage
from tests.ingest.phone_page.phone_of_store import Phone, phone_in_node
from tests.model_store.made_store import MadeStore, ago
from tests.model_store.served_store import with_a_flipped_byte


@pytest.fixture
def phone(node, tmp_path):
    """A phone with the store's first release."""
    with phone_in_node(node, MadeStore.make(tmp_path)) as opened:
        opened.store.publish("one")
        assert opened.pull() == "one"
        yield opened


def rejected(phone: Phone, **options: Any) -> RejectedByPage:
    """Pull; assert that the update is rejected and the last good release stays. Return the error."""
    before = phone.good()
    with pytest.raises(RejectedByPage) as error:
        phone.pull(**options)
    assert "UpdateRejectedError" in str(error.value)
    assert phone.good() == before
    return error.value


def unchanged(name: str, content: bytes | None) -> bytes | None:
    return content


def recorded(phone: Phone) -> dict[str, bytes]:
    """Return all files of the store at this time, as an attacker may have recorded them."""
    folder = phone.server.folder
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


#: The test releases share these files, so only a phone without a stored release fetches them.
SAME_IN_ALL = ("golden.json", "network.onnx")


def forget_good(phone: Phone) -> None:
    phone.run("await storage.set('store/good', null)")


FLIPPED = {
    "2.root.json": "unsigned",
    "timestamp.json": "unsigned",
    "snapshot.json": "changed",
    "releases.json": "changed",
    "channels.json": "changed",
    "stable.json": "changed",
    "manifest.json": "changed",
    "golden.json": "changed",
    "network.onnx": "changed",
}


@pytest.mark.slow
def test_a_flipped_byte_in_any_file(phone):
    renew(phone.store.storage, phone.store.signing)
    for kind, reason in FLIPPED.items():
        phone.store.publish(f"with-{kind}")
        if kind in SAME_IN_ALL:
            forget_good(phone)
        phone.server.change = with_a_flipped_byte(kind)
        assert rejected(phone).reason == reason, kind
    phone.server.change = unchanged
    assert phone.pull() == "with-network.onnx"


def test_changed_content_with_a_valid_signature_of_the_original(phone):
    phone.store.publish("two")

    def later(name, content):
        if not name.endswith("timestamp.json"):
            return content
        document = json.loads(content)
        document["signed"]["expires"] = "2099-01-01T00:00:00Z"
        return json.dumps(document).encode()

    phone.server.change = later
    assert rejected(phone).reason == "unsigned"


@pytest.mark.slow
def test_files_that_are_not_metadata(phone):
    phone.store.publish("two")
    for content in (
        b"",
        b"{",
        b"null",
        b"[]",
        b'{"signed": null}',
        b"\xff",
        b"[" * 10_000,
        b'{"signed":{"_type":"x"}}',
    ):
        phone.server.change = lambda name, was, content=content: content if name.endswith("timestamp.json") else was
        assert rejected(phone).reason == "contradictory", content


def test_an_old_timestamp_after_a_newer_one(phone):
    old = recorded(phone)
    phone.store.publish("two")
    assert phone.pull() == "two"
    phone.server.change = lambda name, content: old.get(name)
    assert rejected(phone).reason == "rolled back"


def test_an_old_timestamp_with_the_same_snapshot_as_a_newer_one(phone):
    old, store = recorded(phone), phone.store
    with exclusive(store.storage) as still_mine:
        edition = Edition(store.storage, store.signing, read_state(store.storage), still_mine)
        edition.change("timestamp")
        edition.commit()
    assert phone.pull() == "one"
    phone.server.change = lambda name, content: old.get(name)
    older = rejected(phone)
    assert older.reason == "rolled back"
    assert "timestamp" in str(older)


def test_an_old_timestamp_that_is_served_until_it_expires(phone):
    hours = 3_600
    assert phone.pull(now=23 * hours) == "one"
    old = recorded(phone)
    publish(phone.store.storage, phone.store.signing, phone.store.release("two"))
    phone.server.change = lambda name, content: old.get(name)
    expired = rejected(phone, now=24 * hours + 60)
    assert expired.reason == "expired"
    assert "timestamp" in str(expired)
    phone.server.change = unchanged
    assert phone.pull() == "two"


@pytest.mark.parametrize(
    ("role", "lifetimes"),
    [
        ("snapshot", Lifetimes(snapshot=timedelta(hours=1))),
        ("channels", Lifetimes(delegated=timedelta(hours=1))),
        ("targets", Lifetimes(offline=timedelta(hours=1))),
    ],
)
def test_each_expired_role(node, tmp_path, role, lifetimes):
    store = MadeStore.make(tmp_path, lifetimes=lifetimes)
    store.publish("one")
    with phone_in_node(node, store) as phone:
        for known in (None, "one"):  # as fetched, and as stored
            assert phone.good() == known
            expired = rejected(phone, now=3_700)
            assert expired.reason == "expired"
            assert ("root" if role == "targets" else role) in str(expired)
            assert phone.pull() == "one"


def test_an_expired_root_still_verifies_the_next_one(node, tmp_path):
    store = MadeStore.make(tmp_path, clock=ago(days=2), lifetimes=Lifetimes(offline=timedelta(days=1)))
    now = store.at(ago())
    publish(store.storage, now, store.release("one"))
    with phone_in_node(node, store) as phone:
        expired = rejected(phone)
        assert expired.reason == "expired"
        assert "root" in str(expired)
        rotate_key(store.storage, now, "root")
        renew(store.storage, now)
        assert phone.pull() == "one"


def test_an_older_release_by_an_older_pointer(phone):
    store = phone.store
    old = pointers(store.storage, read_state(store.storage))["stable"]
    store.publish("two")
    assert phone.pull() == "two"
    store.sign({}, old)  # with the right key, in new metadata
    older = rejected(phone)
    assert older.reason == "rolled back"
    assert "change 1 of stable is older than the known change 2" in str(older)


def test_metadata_of_two_editions(phone):
    for role in ("channels", "releases", "snapshot"):
        phone.store.publish(f"with-{role}")
        version = read_state(phone.store.storage).of(role).signed.version
        other = (phone.server.folder / "metadata" / f"{version - 1}.{role}.json").read_bytes()

        def mix(name, content, other=other, end=f"{version}.{role}.json"):
            return other if name.endswith(end) else content

        phone.server.change = mix
        assert rejected(phone).reason == "changed", role


@pytest.mark.parametrize(
    ("role", "lister"), [("snapshot", "timestamp"), ("targets", "snapshot"), ("channels", "snapshot")]
)
def test_known_metadata_that_is_listed_with_another_version(phone, role, lister):
    state = read_state(phone.store.storage)
    version = state.of(role).signed.version
    with exclusive(phone.store.storage) as still_mine:
        edition = Edition(phone.store.storage, phone.store.signing, state, still_mine)
        changed = edition.change(lister)
        listed = changed.snapshot_meta if role == "snapshot" else changed.meta[f"{role}.json"]
        listed.version += 1
        edition.commit()
    error = f"{role} has version {version}, but the {lister} lists version {version + 1}"
    phone.server.asked.clear()
    stored = rejected(phone)
    assert stored.reason == "rolled back"
    assert error in str(stored)
    assert not any(name.endswith(f"{role}.json") for name in phone.server.asked)
    # Also if the file is fetched.
    folder = phone.server.folder / "metadata"
    shutil.copy(folder / f"{version}.{role}.json", folder / f"{version + 1}.{role}.json")
    phone.run("await storage.set(`store/metadata/${args[1]}`, null)", role)
    fetched = rejected(phone)
    assert fetched.reason == "rolled back"
    assert error in str(fetched)


@pytest.mark.parametrize("role", ["releases", "channels", "snapshot", "timestamp"])
def test_a_release_signed_with_a_revoked_key(phone, role, tmp_path):
    store = phone.store
    thief = store.stolen(phone.server.folder, tmp_path)
    rotate_key(store.storage, store.signing, role)
    assert phone.pull() == "one"
    # The thief signs further editions with the keys that were valid before.
    for number in range(5):
        thief.publish(f"stolen-{number}")
    files = thief.online_files()
    phone.server.change = lambda name, content: files.get(name)
    assert rejected(phone).reason in ("unsigned", "rolled back")


def test_another_store(phone, tmp_path):
    other = MadeStore.make(tmp_path / "other")
    for number in range(9):
        other.publish(f"evil-{number}")
    phone.server.folder = Path(other.storage.url)
    assert rejected(phone).reason == "unsigned"


@pytest.mark.slow
def test_files_that_are_too_long_or_endless(phone):
    for kind in ("2.root.json", "timestamp.json", "snapshot.json", "channels.json", "stable.json", "network.onnx"):
        phone.store.publish(f"with-{kind}")
        if kind in SAME_IN_ALL:
            forget_good(phone)

        def longer(name, content, kind=kind):
            return (content or b"") + bytes(10_000_000) if name.endswith(kind) else content

        phone.server.change = longer
        assert rejected(phone).reason == "too long", kind
    phone.server.change = unchanged
    forget_good(phone)

    def endless(answer):
        piece = bytes(65_536)
        while not answer.stopped.is_set():
            answer.write(piece)

    phone.server.send = lambda answer: endless(answer) if answer.name.endswith("onnx") else answer.write(answer.content)
    assert rejected(phone).reason in ("too long", "changed")
    phone.server.send = None
    assert phone.pull() == "with-network.onnx"


def next_root(phone: Phone, change: Any, *, by_the_old_one: bool = True) -> None:
    """Write a changed next root, signed with the previous root's key or only with its own."""
    store = phone.store
    root = newest_root(store.storage)
    signers = signers_of(store.signing, root.signed, "root")
    if not by_the_old_one:
        (old,) = root.signed.roles["root"].keyids
        signers = [CryptoSigner(Ed25519PrivateKey.generate())]
        root.signed.add_key(signers[0].public_key, "root")
        root.signed.revoke_key(old, "root")
    change(root.signed)
    store.storage.write(f"metadata/{root.signed.version}.root.json", sign(root, signers))


def test_a_root_that_the_previous_one_did_not_sign(phone):
    def follow(root):
        root.version += 1

    next_root(phone, follow, by_the_old_one=False)
    assert rejected(phone).reason == "unsigned"


def test_a_root_under_the_name_of_another_version(phone):
    next_root(phone, lambda root: None)
    first = (phone.server.folder / "metadata" / "1.root.json").read_bytes()
    phone.server.change = lambda name, content: first if name.endswith("2.root.json") else content
    assert rejected(phone).reason == "rolled back"


def test_a_key_of_an_unsupported_type(phone):
    key = SSlibKey.from_crypto(generate_private_key(65_537, 2_048).public_key())

    def let_sign(root):
        root.version += 1
        root.add_key(key, "timestamp")

    next_root(phone, let_sign)
    unknown = rejected(phone)
    assert unknown.reason == "unusable"
    assert "a key of the role timestamp is rsa/rsassa-pss-sha256; the page verifies Ed25519 only" in str(unknown)


def test_one_key_with_two_ids_counts_once(phone):
    state = read_state(phone.store.storage)
    (keyid,) = state.root.signed.roles["timestamp"].keyids
    key = state.root.signed.keys[keyid]
    again = SSlibKey("0" * 64, key.keytype, key.scheme, key.keyval)

    def ask_for_two(root):
        root.version += 1
        root.add_key(again, "timestamp")
        root.roles["timestamp"].threshold = 2

    next_root(phone, ask_for_two)

    def signed_twice(name, content):
        if not name.endswith("timestamp.json"):
            return content
        document = json.loads(content)
        document["signatures"].append(document["signatures"][0] | {"keyid": "0" * 64})
        return json.dumps(document).encode()

    phone.server.change = signed_twice
    few = rejected(phone)
    assert few.reason == "unsigned"
    assert "by 1 of the 2 required keys" in str(few)


def test_a_channel_signed_by_the_role_of_releases(phone):
    """The role of releases must not decide which release is current."""
    store = phone.store
    store.publish("two", channel="canary", share=1.0)
    known = pointers(store.storage, read_state(store.storage))["canary"]
    content = msgspec.json.encode(msgspec.structs.replace(known, channel="stable", number=50))
    with exclusive(store.storage) as still_mine:
        edition = Edition(store.storage, store.signing, read_state(store.storage), still_mine)
        path = pointer_path("stable")
        target = TargetFile.from_data(path, content, ["sha256"])
        store.storage.write(target_name(path, target.hashes["sha256"]), content)
        edition.change("releases").targets[path] = target
        edition.change("channels").targets.pop(pointer_path("canary"))
        edition.commit()
    assert phone.pull() == "one"


def test_a_target_is_searched_only_in_the_roles_it_is_delegated_to(phone):
    def role(name: str, path: str, terminating: bool) -> dict[str, Any]:
        return {"name": name, "paths": [path], "terminating": terminating, "keyids": [], "threshold": 1}

    roles = [role("a", "a/*", False), role("b", "?/one.*", True), role("c", "a/*", False), role("d", "*/*/*", False)]
    body = """
    const { delegatedFor } = await import('/phone/releases/delegations.js');
    return args[1].map((path) => delegatedFor(path, args[0], 'targets').delegated.map(({ role }) => role));
    """
    asked = phone.page.run(
        body, {"roles": roles, "keys": {}}, ["a/one.json", "a/two", "b/one.x", "a/b/c", "a", "a/oneXx"]
    )
    assert asked == [["a", "b"], ["a", "c"], ["b"], ["d"], [], ["a", "c"]]
    for unknown in (
        {"name": "e", "path_hash_prefixes": ["0"]},
        role("timestamp", "a/*", False),
        role("f", "[a]/*", False),
    ):
        with pytest.raises(RejectedByPage, match="UpdateRejectedError"):
            phone.page.run(body, {"roles": [unknown], "keys": {}}, ["a/one.json"])


def manifest_of(phone: Phone) -> Any:
    return decode_manifest((phone.store.release("made-wrong") / "manifest.json").read_bytes())


@pytest.mark.slow
def test_invalid_manifests(phone):
    first, *others = manifest_of(phone).artifacts
    slipping = [msgspec.structs.replace(first, name="../../escaped.onnx"), *others]
    lying = [msgspec.structs.replace(each, bytes=each.bytes - 1) for each in (first, *others)]
    left_out = [LeftOut("onnx", "it is broken")]
    cases: list[tuple[str, dict[str, object], str, str]] = [
        ("slip", {"artifacts": slipping}, "unusable", "'../../escaped.onnx' cannot be the name of a release's file"),
        ("../escaped", {}, "unusable", "'../escaped' cannot be a release's name"),
        ("liar", {"artifacts": lying}, "contradictory", f"network.onnx has {first.bytes - 1} bytes"),
        ("twice", {"artifacts": [first, *others, first]}, "unusable", "two files of the release have the same name"),
        (
            "lacking",
            {"artifacts": others, "left_out": left_out},
            "unusable",
            "lacking has no onnx artifact: it is broken",
        ),
        ("few", {"classes": ["sit", "stand"]}, "unusable", "the golden window of few does not fit its manifest"),
        (
            "taken",
            {"classes": ["sit", "stand", "walk", "run", "unknown"]},
            "unusable",
            "a class must not be named 'unknown'",
        ),
        ("short", {"steps": 100}, "unusable", "the golden window of short does not fit its manifest"),
        ("uncut", {"rate_hz": 33}, "unusable", "has no whole number of µs as its period"),
        ("sure", {"decision_threshold": 1.0}, "unusable", "the decision threshold cannot be 1"),
        ("none", {"background": Background([], 0.5)}, "unusable", "a background must have 1 to 64 kinds"),
        ("same", {"background": Background(kinds_of(["walk"]), 0.5)}, "unusable", "must have different names"),
        (
            "much",
            {"background": Background(kinds_of(["table"]), 1.5)},
            "unusable",
            "share and threshold must be 0 to 1",
        ),
        ("long", {"background": Background(kinds_of(["x" * 65]), 0.5)}, "unusable", "must have a short name and title"),
        ("more", {"background": Background(kinds_of(["table"]), 0.5)}, "unusable", "more does not fit its manifest"),
        ("later", {"schema": 2}, "unusable", "schema 2; this page reads 1: load the page again, or upgrade har"),
        ("earlier", {"schema": 0}, "unusable", "schema 0; this page reads 1: publish it again"),
    ]
    for name, changes, reason, error in cases:
        phone.store.publish_changed(name, **changes)
        found = rejected(phone)
        assert found.reason == reason, name
        assert error in str(found)


def test_a_manifest_that_the_pointer_does_not_name(phone):
    files = {path.name: path.read_bytes() for path in phone.store.release("other").iterdir()}
    phone.store.sign_and_point("other", files)
    phone.store.sign({"releases/other/manifest.json": files["manifest.json"] + b" "})
    other = rejected(phone)
    assert other.reason == "contradictory"
    assert "the manifest of other is not the one that the channel points to" in str(other)


def test_a_network_that_fails_its_golden_window(phone):
    files = {path.name: path.read_bytes() for path in phone.store.release("other").iterdir()}
    golden = json.loads(files["golden.json"])
    golden["probabilities"].reverse()
    files["golden.json"] = json.dumps(golden).encode()
    phone.store.sign_and_point("other", files)
    wrong = rejected(phone)
    assert wrong.reason == "unusable"
    assert "other fails its golden window" in str(wrong)
    running = phone.run("const { release, rejected } = await openCurrentRelease(options); return release.name;")
    assert running == "one"


def test_a_file_that_is_not_a_network(phone):
    files = {path.name: path.read_bytes() for path in phone.store.release("broken").iterdir()}
    files["network.onnx"] = b"no network"
    manifest = decode_manifest(files["manifest.json"])
    artifacts = [
        msgspec.structs.replace(each, bytes=10, sha256=hashlib.sha256(b"no network").hexdigest())
        if each.name == "network.onnx"
        else each
        for each in manifest.artifacts
    ]
    files["manifest.json"] = encode_manifest(msgspec.structs.replace(manifest, artifacts=artifacts))
    phone.store.sign_and_point("broken", files)
    broken = rejected(phone)
    assert broken.reason == "unusable"
    assert "onnxruntime cannot load the network" in str(broken)


def test_a_pointer_with_an_unknown_schema(phone):
    known = pointers(phone.store.storage, read_state(phone.store.storage))["stable"]
    phone.store.sign({}, msgspec.structs.replace(known, number=2, schema=2))
    unknown = rejected(phone)
    assert unknown.reason == "unusable"
    assert "the channel's pointer has schema 2; this page reads 1" in str(unknown)
