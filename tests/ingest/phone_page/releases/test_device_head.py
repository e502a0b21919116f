"""The phone's page pulls the personal head that the store has signed for it, and keeps the last good one."""

from pathlib import Path

import msgspec
import pytest

from har.personal_index import HeadEntry, PersonalIndex, device_id, encode_index
from model_store.layout import head_path, personal_index_path
from model_store.release_folder import open_release
from model_store.repository.personal_heads import remove_heads
from model_store.repository.roles import CHANNELS
from tests.ingest.phone_page.phone_of_store import DEVICE, phone_in_node
from tests.model_store.made_store import MadeStore
from tests.model_store.personal_store import copied_store, publish_to
from tests.model_store.served_store import with_a_flipped_byte

PULL = """
const { head, headRejected } = await metadata.pullRelease(options);
return [head, headRejected && [headRejected.reason, headRejected.message]];
"""
OUTPUTS = len(open_release("baseline").manifest.outputs)
LAST_GOOD = "return (await metadata.lastGoodRelease(storage, options.device)).head"


@pytest.fixture(scope="module")
def store_with_one(tmp_path_factory):
    made = MadeStore.make(tmp_path_factory.mktemp("store-with-one"))
    made.publish("one")
    return made


@pytest.fixture
def phone(node, store_with_one, tmp_path):
    with phone_in_node(node, copied_store(store_with_one, tmp_path)) as opened:
        yield opened


def document(head):
    return msgspec.json.decode(msgspec.json.encode(head))


def fetched(phone):
    """Return the fetched files of personal heads since the last call, without their hashes."""
    names = [Path(asked).name.split(".", 1)[1] for asked in phone.server.asked if ".personal" in asked]
    phone.server.asked.clear()
    return names


def test_a_phone_gets_its_newest_head_for_its_release_and_fetches_it_once(phone):
    assert phone.run(PULL) == [None, None]
    publish_to(phone.store, DEVICE)
    newest = publish_to(phone.store, DEVICE, weights=[[0.25] * OUTPUTS] * (OUTPUTS + 3))
    phone.server.asked.clear()
    assert phone.run(PULL) == [document(newest), None]
    assert fetched(phone) == ["personal.json", f"personal-{device_id(DEVICE)}-2.json"]
    assert phone.run(PULL) == [document(newest), None]
    assert fetched(phone) == []
    entries = [HeadEntry(device_id(DEVICE), 2, "one", newest.effective), HeadEntry(device_id(DEVICE), 3, "two", 0)]
    phone.store.sign_as({CHANNELS: {personal_index_path(): encode_index(PersonalIndex(3, entries))}})
    assert phone.run(PULL) == [document(newest), None]
    assert fetched(phone) == ["personal.json"]


def test_another_device_gets_no_head_and_a_removed_one_ends(phone):
    publish_to(phone.store, DEVICE)
    assert phone.run(PULL, device="phone-2") == [None, None]
    assert phone.run(PULL)[0]["number"] == 1
    remove_heads(phone.store.storage, phone.store.signing, DEVICE)
    assert phone.run(PULL) == [None, None]


def test_without_the_store_the_last_good_head_is_there(phone):
    head = publish_to(phone.store, DEVICE)
    phone.pull()
    phone.server.change = lambda *_: b""
    assert phone.run(LAST_GOOD) == document(head)
    assert phone.run(LAST_GOOD, device="phone-2") is None


@pytest.mark.parametrize("kind", ["personal.json", "-2.json"])
def test_a_changed_head_is_rejected_and_the_release_and_the_last_good_head_stay(phone, kind):
    first = publish_to(phone.store, DEVICE)
    assert phone.run(PULL) == [document(first), None]
    publish_to(phone.store, DEVICE)
    phone.server.change = with_a_flipped_byte(kind)
    head, (reason, _) = phone.run(PULL)
    assert (head, reason) == (document(first), "changed")


def test_an_earlier_index_is_rejected_as_rolled_back(phone):
    publish_to(phone.store, DEVICE)
    (path,) = (phone.server.folder / "targets" / "channels").glob("*.personal.json")
    earlier = path.read_bytes()
    newest = publish_to(phone.store, DEVICE)
    phone.run(PULL)
    phone.store.sign_as({CHANNELS: {personal_index_path(): earlier}})
    head, (reason, message) = phone.run(PULL)
    assert (head, reason) == (document(newest), "rolled back")
    assert "change 1 of the personal heads is older than the known change 2" in message


def test_a_head_that_the_index_does_not_list_or_of_other_outputs_is_rejected(phone):
    head = publish_to(phone.store, DEVICE)
    path = head_path(device_id(DEVICE), 1)
    for changes, words in (
        ({"effective": 5}, "is not the head that the index lists"),
        ({"device": "phone-2"}, "is not the head that the index lists"),
        ({"outputs": [f"output-{number}" for number in range(OUTPUTS)], "seconds": {}}, "corrects other outputs"),
        ({"weights": []}, f"must have {OUTPUTS + 3} rows"),
        ({"schema": 2}, "has schema 2"),
    ):
        phone.store.sign_as({CHANNELS: {path: msgspec.json.encode({**document(head), **changes})}})
        found, (_, message) = phone.run(PULL)
        assert found is None and words in message
    phone.store.sign_as({CHANNELS: {path: b" " * 65_537}})
    assert phone.run(PULL)[1][0] == "too long"
