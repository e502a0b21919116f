"""Labels reach the gateway in order, also after outages, reloads and rejections."""

from typing import Any

import pytest

from har.labels import LabelTable, decode_label
from tests.ingest.phone_page.page_gateway import PageGateway


@pytest.fixture
def recording(phone: Any) -> Any:
    """A recording phone."""
    return begin(phone)


def begin(phone: Any) -> Any:
    phone.enrol()
    phone.start()
    return phone


def tap(phone: Any, activity: str) -> None:
    phone.click_at(f'[data-activity="{activity}"]')


def pressed(phone: Any) -> list[str]:
    """Return the activities whose buttons are shown as active."""
    return activities_of(phone, '[aria-pressed="true"]')


def activities_of(phone: Any, selector: str) -> list[str]:
    """Return the activities of buttons, in one step: the page may replace the buttons at any time."""
    script = "return [...document.querySelectorAll(arguments[0])].map((button) => button.dataset.activity)"
    found: list[str] = phone.browser.execute_script(script, selector)
    return found


def intervals(gateway: PageGateway) -> list[tuple[str, bool]]:
    """Return the valid labels by the system's own rules: activities, and whether they have ended."""
    import msgspec

    table = LabelTable()
    labels = [decode_label(msgspec.json.encode(document)) for document in gateway.labels]
    for label in labels:
        table.add(label)
    valid = {label.start: label for label in labels if table.is_valid(label)}
    return [(valid[start].activity, valid[start].end < 2**62) for start in sorted(valid)]


def test_a_label_ends_the_previous_one_and_a_second_tap_ends_it(recording: Any, page_gateway: Any) -> None:
    tap(recording, "walk")
    recording.wait(lambda: len(page_gateway.labels) == 1)
    assert page_gateway.labels[0]["end"] is None
    assert page_gateway.labels[0]["session"] == recording.state()["session"]
    assert recording.recorded()[0][1] < page_gateway.labels[0]["start"] <= recording.recorded()[-1][1] + 1_000_000
    tap(recording, "stairsup")
    recording.wait(lambda: len(page_gateway.labels) == 3)
    first, ended, second = page_gateway.labels
    assert (ended["start"], ended["activity"]) == (first["start"], "walk")
    assert ended["end"] == second["start"]
    assert second["activity"] == "stairsup"
    tap(recording, "stairsup")
    recording.wait(lambda: len(page_gateway.labels) == 4)
    assert intervals(page_gateway) == [("walk", True), ("stairsup", True)]
    assert [each["said_at"] for each in page_gateway.labels] == sorted(
        {each["said_at"] for each in page_gateway.labels}
    )
    recording.wait(lambda: recording.state()["labelsWaiting"] == 0)
    assert "sent" in recording.text("label-list")


def test_undo_removes_the_last_label_and_continues_the_one_before(recording: Any, page_gateway: Any) -> None:
    tap(recording, "walk")
    tap(recording, "sit")
    recording.click("undo")
    recording.wait(lambda: len(page_gateway.labels) == 5)
    assert intervals(page_gateway) == [("walk", False)]
    assert pressed(recording) == ["walk"]
    recording.click("undo")
    recording.wait(lambda: len(page_gateway.labels) == 6)
    assert intervals(page_gateway) == []
    assert "undone" in recording.text("label-list")


def test_labels_wait_without_a_gateway_and_over_a_reload(phone: Any, page_gateway: Any) -> None:
    phone.allow_service_workers()
    recording = begin(phone)
    recording.wait_until_it_opens_offline()
    page_gateway.stop()
    tap(recording, "walk")
    tap(recording, "stand")
    recording.wait_for_text("labels-text", "3 labels not sent yet")
    recording.open()
    assert recording.state()["labelsWaiting"] == 3
    page_gateway.start()
    recording.wait(lambda: len(page_gateway.labels) == 3, 40)
    assert [each["activity"] for each in page_gateway.labels] == ["walk", "walk", "stand"]
    assert intervals(page_gateway) == [("walk", True), ("stand", False)]
    recording.wait(lambda: recording.state()["labelsWaiting"] == 0)


def test_a_label_is_sent_again_after_an_outage_of_kafka_and_a_rejection_is_shown(
    recording: Any, page_gateway: Any
) -> None:
    page_gateway.labels_status = 503
    page_gateway.labels_body = {"code": "unavailable", "detail": "Kafka is away."}
    tap(recording, "walk")
    recording.wait_for_text("labels-text", "Kafka is away.")
    page_gateway.labels_status = 200
    recording.wait(lambda: len(page_gateway.labels) == 1)
    page_gateway.labels_status = 400
    page_gateway.labels_body = {"code": "activity", "detail": "nobody does that"}
    tap(recording, "bike")
    recording.wait_for_text("label-list", "rejected: activity: nobody does that")
    recording.wait(lambda: recording.state()["labelsWaiting"] == 0)
    assert pressed(recording) == []  # the gateway does not have it, so it is not active


def test_a_rejected_correction_leaves_the_label_as_it_was(recording: Any, page_gateway: Any) -> None:
    tap(recording, "walk")
    recording.wait(lambda: len(page_gateway.labels) == 1 and recording.state()["labelsWaiting"] == 0)
    page_gateway.labels_status = 400
    page_gateway.labels_body = {"code": "activity", "detail": "nobody does that"}
    recording.click_at("#label-list li:nth-child(1) button")
    tap(recording, "bike")
    recording.wait_for_text("label-list", "rejected: activity: nobody does that")
    assert "Walking" in recording.text("label-list")
    assert pressed(recording) == ["walk"]
    page_gateway.labels_status = 200
    tap(recording, "walk")
    recording.wait(lambda: intervals(page_gateway) == [("walk", True)])


def offered(phone: Any) -> list[str]:
    return activities_of(phone, ".label-button")


def say(phone: Any, word: str) -> None:
    field = phone.browser.find_element("id", "own-word")
    field.clear()
    field.send_keys(word)
    phone.click("own-word-button")


def test_the_classes_of_the_release_and_own_words_are_offered_also_offline(phone: Any, page_gateway: Any) -> None:
    page_gateway.classes, page_gateway.own_words = ("lie", "walk"), ("rope_skipping", "walk")
    phone.allow_service_workers()
    recording = begin(phone)
    recording.wait(lambda: offered(recording) == ["lie", "walk", "rope_skipping"])
    recording.wait_until_it_opens_offline()
    page_gateway.stop()
    say(recording, "Tai Chi")
    recording.wait(lambda: offered(recording) == ["lie", "walk", "Tai Chi", "rope_skipping"])
    recording.open()
    recording.start()
    assert offered(recording) == ["lie", "walk", "Tai Chi", "rope_skipping"]
    page_gateway.own_words = ("tai_chi", "rope_skipping")
    page_gateway.start()
    recording.wait(lambda: offered(recording) == ["lie", "walk", "tai_chi", "rope_skipping"], 40)
    assert page_gateway.labels[0]["activity"] == "tai_chi"
    recording.wait_for_text("label-list", "Tai chi")


def test_another_name_of_an_activity_is_its_label(recording: Any, page_gateway: Any) -> None:
    say(recording, "5 steps")  # the field does not accept it
    say(recording, "Walking")
    recording.wait(lambda: len(page_gateway.labels) == 1)
    assert page_gateway.labels[0]["activity"] == "walk"
    recording.wait(lambda: offered(recording) == ["sit", "stand", "walk", "stairsup", "stairsdown", "bike"])
    assert pressed(recording) == ["walk"]


def test_a_label_can_be_corrected_and_withdrawn_afterwards(recording: Any, page_gateway: Any) -> None:
    tap(recording, "walk")
    tap(recording, "sit")
    recording.wait(lambda: len(page_gateway.labels) == 3)
    recording.click_at("#label-list li:nth-child(2) button")  # the newest comes first
    recording.wait_for_text("correction-text", "Walking")
    tap(recording, "bike")
    recording.wait(lambda: len(page_gateway.labels) == 4)
    assert intervals(page_gateway) == [("bike", True), ("sit", False)]
    first, corrected = page_gateway.labels[0], page_gateway.labels[3]
    assert (corrected["start"], corrected["end"]) == (first["start"], page_gateway.labels[1]["end"])
    recording.click_at("#label-list li:nth-child(1) button")
    tap(recording, "stand")  # the active label goes on as another activity
    recording.wait(lambda: len(page_gateway.labels) == 5)
    assert intervals(page_gateway) == [("bike", True), ("stand", False)]
    recording.click_at("#label-list li:nth-child(2) button")
    recording.click("withdraw")
    recording.wait(lambda: len(page_gateway.labels) == 6)
    assert intervals(page_gateway) == [("stand", False)]
    recording.wait_for_text("label-list", "undone")
    tap(recording, "stand")
    recording.wait(lambda: len(page_gateway.labels) == 7)
    assert intervals(page_gateway) == [("stand", True)]


def test_a_correction_counts_after_the_clock_was_put_back(recording: Any, page_gateway: Any) -> None:
    tap(recording, "walk")
    recording.wait(lambda: len(page_gateway.labels) == 1)
    recording.browser.execute_script("const now = Date.now; Date.now = () => now() + 60_000")
    recording.wait(lambda: len(page_gateway.labels) == 3)  # the label goes on in a new session
    recording.open()  # with the right clock
    recording.click_at("#label-list li:nth-child(1) button")
    tap(recording, "bike")
    recording.wait(lambda: len(page_gateway.labels) == 4)
    *_, continued, corrected = page_gateway.labels
    assert (corrected["start"], corrected["activity"]) == (continued["start"], "bike")
    assert corrected["said_at"] > continued["said_at"]


def test_a_label_with_an_expired_token_is_sent_with_a_new_one(recording: Any, page_gateway: Any) -> None:
    page_gateway.tokens.clear()
    tap(recording, "walk")
    recording.wait(lambda: len(page_gateway.labels) == 1)
    assert page_gateway.token_requests == 1


def test_the_end_of_the_recording_ends_the_label(recording: Any, page_gateway: Any) -> None:
    tap(recording, "walk")
    recording.wait(lambda: len(page_gateway.labels) == 1)
    start = page_gateway.labels[0]["start"]
    recording.wait(lambda: recording.recorded()[-1][1] > start)
    recording.click("start")
    recording.wait(lambda: len(page_gateway.labels) == 2)
    assert page_gateway.labels[1]["end"] == recording.recorded()[-1][1]


def test_after_a_clock_change_the_label_continues_in_the_new_session(recording: Any, page_gateway: Any) -> None:
    tap(recording, "walk")
    recording.wait(lambda: len(page_gateway.labels) == 1)
    recording.browser.execute_script("const now = Date.now; Date.now = () => now() + 5_000")
    recording.wait(lambda: len(page_gateway.labels) == 3)
    _, ended, continued = page_gateway.labels
    assert ended["end"] is not None
    assert continued["end"] is None
    assert continued["activity"] == "walk"
    assert continued["session"] == recording.state()["session"] != ended["session"]
