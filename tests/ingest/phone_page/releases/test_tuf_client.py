"""Pulling a release to the phone, storing it, and using it offline."""

import hashlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from securesystemslib.formats import encode_canonical

from har.channels import is_canary
from model_store.repository.key_rotation import renew, rotate_key
from model_store.repository.publishing import promote, rollback
from tests.ingest.phone_page.page_modules import RejectedByPage
from tests.ingest.phone_page.phone_of_store import DEVICE, HASTY, phone_in_browser, phone_in_node
from tests.model_store.made_store import MadeStore
from tests.model_store.served_store import trickle

#: One device that a canary for half of the devices covers, and one that it does not.
COVERED = next(name for name in (f"phone-{n}" for n in range(100)) if is_canary(name, 0.5))
NOT_COVERED = next(name for name in (f"phone-{n}" for n in range(100)) if not is_canary(name, 0.5))


@pytest.fixture
def phone(node, tmp_path):
    with phone_in_node(node, MadeStore.make(tmp_path)) as opened:
        yield opened


@pytest.fixture
def browsing(browser, tmp_path):
    """A phone whose page is in a browser and uses IndexedDB."""
    with phone_in_browser(browser, MadeStore.make(tmp_path)) as opened:
        yield opened


def test_a_pulled_release_is_complete(browsing):
    browsing.store.publish("one")
    folder = browsing.store.folder / "made" / "one"
    got = browsing.run(
        """
        const { name, channel, manifest, onnx, golden } = await metadata.pullRelease(options);
        const { sha256 } = await import('/phone/releases/metadata-signatures.js');
        return { name, channel, manifest, golden, onnx: await sha256(onnx), length: onnx.length };
        """
    )
    assert (got["name"], got["channel"]) == ("one", "stable")
    assert got["manifest"] == json.loads((folder / "manifest.json").read_bytes())
    assert got["golden"] == json.loads((folder / "golden.json").read_bytes())
    assert got["onnx"] == hashlib.sha256((folder / "network.onnx").read_bytes()).hexdigest()
    assert browsing.page.faults() == []


def test_a_phone_follows_its_channel(phone):
    store = phone.store
    with pytest.raises(RejectedByPage, match="no release yet"):
        phone.pull()
    store.publish("one")
    assert phone.pull() == "one"
    store.publish("two", channel="canary", share=0.5)
    assert phone.pull(device=NOT_COVERED) == "one"
    assert phone.pull(device=COVERED) == "two" == phone.good()
    rollback(store.storage, store.signing, channel="canary")
    assert phone.pull(device=COVERED) == "one" == phone.good()
    store.publish("three", channel="canary", share=0.5)
    promote(store.storage, store.signing)
    assert phone.pull(device=NOT_COVERED) == "three"
    rollback(store.storage, store.signing)
    assert phone.pull() == "one" == phone.good()


def test_only_new_files_are_fetched(phone):
    phone.store.publish("one")
    phone.pull()
    fetched = [name.rsplit("/", 1)[-1].split(".", 1)[-1] for name in phone.server.asked if name.startswith("targets/")]
    assert sorted(fetched) == ["golden.json", "manifest.json", "network.onnx", "stable.json"]
    phone.server.asked.clear()
    phone.pull()
    assert phone.server.asked[:2] == ["metadata/2.root.json", "metadata/timestamp.json"]
    assert len(phone.server.asked) == 3
    assert phone.server.asked[2].endswith("stable.json")


def test_rotated_keys_are_followed(phone):
    store = phone.store
    store.publish("one")
    assert phone.pull() == "one"
    for role in ("root", "targets", "releases", "channels", "snapshot", "timestamp"):
        rotate_key(store.storage, store.signing, role)
    renew(store.storage, store.signing)
    store.publish("two")
    assert phone.pull() == "two"


def test_without_the_store_the_last_good_release_runs_also_after_a_reload(browsing):
    browsing.store.publish("one")
    opened = "const { release, rejected } = await openCurrentRelease(options); return [release.name, rejected?.reason];"
    assert browsing.run(opened) == ["one", None]
    browsing.server.change = lambda name, content: None
    browsing.page.open()
    assert browsing.run(opened) == ["one", "unreachable"]
    # Also after its signatures have expired.
    assert browsing.run(opened, now=10 * 365 * 86_400) == ["one", "expired"]
    assert browsing.good() == "one"


def test_a_phone_without_a_release_reports_the_reason(phone):
    phone.store.publish("one")
    phone.server.change = lambda name, content: None
    with pytest.raises(RejectedByPage) as rejected:
        phone.run("await openCurrentRelease(options)")
    assert rejected.value.reason == "unreachable"
    assert phone.good() is None


def test_a_damaged_stored_release_is_not_used_and_is_fetched_again(browsing):
    browsing.store.publish("one")
    browsing.pull()
    browsing.run(
        """
        const kept = await storage.get('store/good');
        kept.files.onnx[1000] ^= 1;
        await storage.set('store/good', kept);
        """
    )
    with pytest.raises(RejectedByPage, match="stored onnx file of the release is damaged") as rejected:
        browsing.good()
    assert rejected.value.reason == "changed"
    assert browsing.pull() == "one" == browsing.good()


def test_a_verified_release_runs_although_the_storage_is_full(phone):
    phone.store.publish("one")
    full = """
    let room = 6;
    options.storage = { get: storage.get, set: async (...entry) => {
      if (room === 0) throw new DOMException('no room', 'QuotaExceededError');
      room -= entry[0] === 'store/good' ? 0 : 1;
      if (entry[0] === 'store/good') throw new DOMException('no room', 'QuotaExceededError');
      return storage.set(...entry);
    } };
    const { release, rejected } = await openCurrentRelease(options);
    return [release.name, rejected.reason, rejected.detail];
    """
    name, reason, detail = phone.run(full)
    assert (name, reason) == ("one", "unusable")
    assert "storage failed: no room" in detail


def test_a_later_release_that_cannot_be_stored_runs_and_the_previous_one_is_closed(phone):
    phone.store.publish("one")
    begin = """
    const { Classifier } = await import('/phone/classification/classifier.js');
    const { PhoneClassification } = await import('/phone/classification/phone-classification.js');
    const counts = globalThis.counts = { opened: 0, closed: 0 };
    const { open } = Classifier;
    const { close } = Classifier.prototype;
    Classifier.open = (...given) => { counts.opened += 1; return open.apply(Classifier, given); };
    Classifier.prototype.close = function (...given) { counts.closed += 1; return close.apply(this, given); };
    const full = { get: storage.get, set: async (name, value) => {
      if (name === 'store/good') throw new DOMException('no room', 'QuotaExceededError');
      return storage.set(name, value);
    } };
    globalThis.classification = new PhoneClassification(options.device, full, () => {});
    globalThis.restore = () => { Classifier.open = open; Classifier.prototype.close = close; };
    await classification.start();
    classification.stop();
    return [classification.release.name, classification.fault];
    """
    name, fault = phone.run(begin)
    assert name == "one"
    assert "no room" in fault
    phone.store.publish("two")
    name, fault, counts = phone.run(
        "await classification.refresh(); restore(); return [classification.release.name, classification.fault, counts];"
    )
    assert (name, counts) == ("two", {"opened": 2, "closed": 1})
    assert "no room" in fault


def test_a_slow_store_is_rejected_in_time(browsing):
    browsing.store.publish("one")
    browsing.server.send = lambda answer: trickle(answer) if "onnx" in answer.name else answer.write(answer.content)
    with pytest.raises(RejectedByPage, match="bytes per second") as rejected:
        browsing.pull(patience=HASTY)
    assert rejected.value.reason == "slow"
    browsing.server.send = lambda answer: answer.stopped.wait(10)
    with pytest.raises(RejectedByPage, match="sent no data for") as rejected:
        browsing.pull(patience=HASTY)
    assert rejected.value.reason == "slow"
    browsing.server.send = None
    assert browsing.pull() == "one"


def test_an_interrupted_connection_is_reported_as_unreachable(browsing):
    browsing.store.publish("one")

    def cut(answer):
        answer.write(answer.content[:1_000])
        answer.cut()

    browsing.server.send = lambda answer: cut(answer) if "onnx" in answer.name else answer.write(answer.content)
    with pytest.raises(RejectedByPage) as rejected:
        browsing.pull()
    assert rejected.value.reason == "unreachable"


def test_another_stores_root_is_trusted_only_after_the_first_one_is_removed(phone, tmp_path):
    phone.store.publish("one")
    assert phone.pull() == "one"
    other = MadeStore.make(tmp_path / "other")
    for number in range(9):
        other.publish(f"other-{number}")
    phone.server.folder = tmp_path / "other" / "store"
    (phone.server.folder / "trusted_root.json").write_bytes(other.root)
    with pytest.raises(RejectedByPage) as rejected:
        phone.pull()
    assert rejected.value.reason == "unsigned"
    assert phone.good() == "one"
    phone.run("await metadata.forgetStore(storage)")
    assert phone.pull() == "other-8" == phone.good()


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)
CANONICAL = """
const { canonicalJson, parseJson } = await import('/phone/releases/canonical-json.js');
return new TextDecoder().decode(canonicalJson(parseJson(new TextEncoder().encode(args[0]))));
"""


def test_canonical_json_equals_pythons(modules):
    @given(JSON)
    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def compare(value):
        assert modules.run(CANONICAL, json.dumps(value)) == encode_canonical(value)

    compare()
    assert modules.run(CANONICAL, '{"\\uff5e": 1, "\\ud83d\\ude00": 2}') == '{"～":1,"😀":2}'  # by code point
    for document in ('{"a": 9007199254740993}', '{"a": 1.5}', '"\\ud800"', "[" * 50 + "]" * 50):
        with pytest.raises(RejectedByPage, match="TypeError"):
            modules.run(CANONICAL, document)


def test_a_canary_covers_the_same_devices_as_in_python(modules):
    @given(
        device=st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z"),
        share=st.floats(0, 1) | st.none(),
    )
    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def compare(device, share):
        digest = int.from_bytes(hashlib.sha256(device.encode()).digest()[:8], "big")
        share = digest / 2**64 if share is None else share  # exactly at the limit
        here = modules.run(
            "return (await import('/phone/releases/channels.js')).isCanary(args[0], args[1])", device, share
        )
        assert here == is_canary(device, share)

    compare()
    assert is_canary(DEVICE, 1.0)
