"""A wearer teaches the phone in private mode, and is told what the server's personal head does."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from har.personal_head import decode_head
from har.process.clock import now_us
from har.signal_quality import SignalBounds
from model_store.release_folder import open_release
from tests.har.made_heads import UPRIGHT
from tests.ingest.phone_page.test_private_mode import switch
from tests.model_store.made_store import MadeStore

ANY_READINGS = SignalBounds(1.5, 900_000, 900_000, 1.0, 30.0)
#: Stores labelled windows and an offer, as the page does.
STORE = """
const { NamedValues, openDatabase } = await import('/phone/sending/database.js');
const database = await openDatabase();
for (const window of args[0]) await database.put('labelled', window);
await new NamedValues(database).set('teaching', args[1]);
database.close();
"""
READ = """
const { openDatabase } = await import('/phone/sending/database.js');
const database = await openDatabase();
const found = [await database.getAll('labelled'), await database.get('values', 'teaching')];
database.close();
return found;
"""


@pytest.fixture
def store(page_gateway: Any, tmp_path: Path) -> Iterator[MadeStore]:
    """A store without a release, served by the gateway."""
    made = MadeStore.make(tmp_path)
    folder = Path(made.storage.url)
    (folder / "trusted_root.json").write_bytes(made.root)
    page_gateway.store = folder
    yield made


def labelled_windows(device: str, release: str, label: str, first: int, gravity: tuple[float, ...]) -> list[Any]:
    """Return 20 windows of an activity that the network takes for standing."""
    outputs = open_release("baseline").manifest.outputs
    row = [{"sit": 0.3, "stand": 0.6}.get(name, 0.1 / (len(outputs) - 2)) for name in outputs]
    known = {"device": device, "release": release, "session": "before", "said": first, "label": label}
    starts = [first + number * 1_000_000 for number in range(20)]
    return [{**known, "start": at, "end": at + 4_000_000, "probabilities": row, "gravity": gravity} for at in starts]


def test_a_wearer_teaches_the_phone_and_lets_it_forget(phone: Any, page_gateway: Any, store: MadeStore) -> None:
    store.publish_changed("walker-1", signal_bounds=ANY_READINGS)
    phone.enrol()
    switch(phone, "private")
    phone.wait(lambda: phone.state()["isPrivate"])
    device, minute = page_gateway.device, 60_000_000
    windows = labelled_windows(device, "walker-1", "sit", minute, (0.0, 0.5, 9.8))
    windows += labelled_windows(device, "walker-1", "stand", 5 * minute, UPRIGHT)
    phone.asynchronously(STORE, windows, {"device": device, "offered": "walker-1", "head": None})
    phone.open()
    phone.wait_for_text("teaching-words", "often unsure what you do")
    assert phone.text("teaching-progress").split("\n") == ["Sitting: 23 s, enough", "Standing: 23 s, enough"]
    phone.click("teach")
    phone.wait_for_text("teaching-words", "50% were right before, and 100% with what it learned")
    assert "You taught this phone" in phone.text("teaching-words")
    head = decode_head(msgspec.json.encode(phone.asynchronously(READ)[1]["head"]))
    assert (head.device, head.release, head.seconds) == (device, "walker-1", {"sit": 23.0, "stand": 23.0})
    phone.start()
    phone.shake_until(lambda: any(window.personal == 1 for report in page_gateway.reports for window in report.windows))
    phone.shake_until(lambda: "Personal: corrected by what you labelled." in phone.text("phone-prediction"))
    phone.evaluate("(window.confirm = () => true, 0)")
    phone.click("forget-teaching")
    phone.wait(lambda: not phone.browser.find_element("id", "teaching").is_displayed())
    phone.wait(lambda: page_gateway.reports[-1].windows[-1].personal is None)

    def is_forgotten() -> bool:
        kept, teaching = phone.asynchronously(READ)
        return kept == [] and teaching["head"] is None

    phone.wait(is_forgotten)
    assert [fault for fault in phone.console_faults() if ".root.json" not in fault] == []


@pytest.mark.long
def test_teaching_is_offered_and_labelled_time_is_shown(phone: Any, page_gateway: Any, store: MadeStore) -> None:
    # Ten windows per second, and no class is ever probable enough.
    changes: dict[str, Any] = {"hop_us": 100_000, "decision_threshold": 0.9999}
    store.publish_changed("unsure-1", signal_bounds=ANY_READINGS, **changes)
    phone.enrol()
    switch(phone, "private")
    phone.wait(lambda: phone.state()["isPrivate"])
    phone.start()
    phone.click_at('[data-activity="sit"]')
    phone.shake(8.0)
    phone.wait_for_text("teaching-words", "often unsure what you do")
    phone.wait(lambda: re.fullmatch(r"Sitting: \d+ (of 15 s|s, enough)", phone.text("teaching-progress")))
    assert not phone.browser.find_element("id", "teach").is_enabled()
    kept = phone.asynchronously(READ)[0]
    fields = {"session", "start", "end", "device", "release", "said", "label", "probabilities", "gravity"}
    assert all(row.keys() == fields for row in kept)
    assert page_gateway.batches == []
    phone.click("undo")
    phone.wait(lambda: phone.text("teaching-progress") == "")
    phone.wait(lambda: phone.asynchronously(READ)[0] == [])


def test_of_the_server_s_answers_the_page_asks_for_labels_and_says_which_are_personal(
    phone: Any, page_gateway: Any
) -> None:
    phone.enrol()
    phone.start()
    begin = now_us() - 70 * 1_000_000
    for number in range(61):
        start = begin + number * 1_000_000
        answer = {"device": page_gateway.device, "session": "s", "start": start, "end": start + 4_000_000}
        answer |= {"activity": "unknown", "confidence": 0.8, "probabilities": {}, "release": "r", "arrived": start}
        page_gateway.send({"type": "prediction", "prediction": {**answer, "personal": 3 if number == 60 else None}})
    phone.wait_for_text("server-prediction", "Personal: corrected by what you labelled.")
    phone.wait_for_text("teaching-words", "The server is often unsure what you do")
    for hidden in ("teach", "forget-teaching"):
        assert not phone.browser.find_element("id", hidden).is_displayed()
