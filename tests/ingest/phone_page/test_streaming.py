"""Readings reach the gateway, also after lost connections, outages and reloads."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.ingest.phone_page.phone_in_browser import assert_all_arrived


def test_readings_arrive_complete_and_in_order(phone: Any, page_gateway: Any) -> None:
    phone.allow_service_workers()
    phone.prefer_motion()
    phone.enrol()
    phone.start()
    phone.shake()
    phone.wait(lambda: len(phone.recorded()) > 150)
    phone.click("start")
    phone.wait_until_all_is_sent()
    recorded = phone.recorded()
    assert_all_arrived(recorded, page_gateway.batches)
    assert len({reading[1] for reading in recorded}) == len(recorded), "times are strictly increasing"
    assert len({reading[2:] for reading in recorded}) > 20, "the readings differ"
    assert {batch.device for batch in page_gateway.batches} == {page_gateway.device}
    spans = [batch.times[-1] - batch.times[0] for batch in page_gateway.batches]
    assert max(spans) < 1_000_000, "batches are cut every half second"
    assert phone.console_faults() == [], "the security policy holds, for the WebSocket as well"


def test_unanswered_batches_are_sent_again_after_a_lost_connection(phone: Any, page_gateway: Any) -> None:
    phone.enrol()
    phone.start()
    phone.wait(lambda: phone.state()["accepted"] >= 2)
    page_gateway.holds = True
    phone.wait(lambda: len(page_gateway.held) >= 3)
    assert phone.state()["waiting"] >= 3
    page_gateway.abort_connections()
    page_gateway.release_held()
    phone.wait(lambda: page_gateway.connections >= 2)
    phone.shake(0.5)
    phone.click("start")
    phone.wait_until_all_is_sent()
    assert_all_arrived(phone.recorded(), page_gateway.batches)
    sequences = [batch.sequence for batch in page_gateway.batches]
    assert sequences == sorted(set(sequences)), "batches arrive in order, and answered ones only once"


def test_at_most_16_batches_are_in_flight(phone: Any, page_gateway: Any) -> None:
    page_gateway.batch_milliseconds = 50
    page_gateway.holds = True
    phone.enrol()
    phone.start()
    phone.wait(lambda: phone.state()["waiting"] >= 30)
    assert len(page_gateway.held) == 16


def test_the_page_reconnects_after_an_outage_of_the_gateway(phone: Any, page_gateway: Any) -> None:
    phone.allow_service_workers()
    phone.enrol()
    phone.start()
    phone.wait(lambda: phone.state()["accepted"] >= 2)
    page_gateway.stop()
    phone.wait_for_text("connection-text", "No gateway")
    phone.shake(0.5)
    phone.wait(lambda: phone.state()["waiting"] >= 6)
    phone.wait_for_text("waiting-since", "waiting since")
    page_gateway.start()
    phone.wait_for_text("connection-text", "Connected")
    phone.click("start")
    phone.wait_until_all_is_sent()
    assert_all_arrived(phone.recorded(), page_gateway.batches)


def test_readings_are_stored_while_offline(phone: Any, page_gateway: Any) -> None:
    phone.allow_service_workers()
    phone.enrol()
    phone.start()
    phone.wait(lambda: phone.state()["accepted"] >= 2)
    # Chromium's offline emulation does not close open WebSockets.
    phone.go_offline()
    page_gateway.abort_connections()
    phone.wait_for_text("connection-text", "Offline")
    phone.wait(lambda: phone.state()["waiting"] >= 4)
    phone.go_offline(False)
    phone.click("start")
    phone.wait_until_all_is_sent()
    assert_all_arrived(phone.recorded(), page_gateway.batches)


def test_unsent_batches_outlive_a_reload_and_are_sent_first(phone: Any, page_gateway: Any) -> None:
    phone.allow_service_workers()
    phone.enrol()
    page_gateway.stop()
    phone.start()
    phone.wait(lambda: phone.state()["waiting"] >= 6)
    phone.click("start")
    phone.wait(lambda: not phone.state()["isRecording"])
    before = phone.recorded()
    waiting = phone.state()["waiting"]
    page_gateway.holds = True
    page_gateway.start()
    phone.open()
    assert phone.state()["waiting"] == waiting
    phone.start()
    phone.wait(lambda: phone.state()["waiting"] >= waiting + 2)
    page_gateway.abort_connections()
    page_gateway.release_held()
    phone.wait(lambda: phone.state()["accepted"] >= waiting + 2)
    phone.click("start")
    phone.wait_until_all_is_sent()
    after = phone.recorded()
    assert {reading[0] for reading in before}.isdisjoint(reading[0] for reading in after), "another session"
    assert_all_arrived(before + after, page_gateway.batches)
    sessions = list(dict.fromkeys(batch.session for batch in page_gateway.batches))
    assert sessions == [before[0][0], after[0][0]], "the older session arrives first"


def test_a_page_that_is_left_while_recording_loses_nothing(phone: Any, page_gateway: Any) -> None:
    phone.allow_service_workers()
    phone.enrol()
    page_gateway.stop()
    phone.start()
    phone.wait(lambda: len(phone.recorded()) > 100)
    # Read the recording in the `pagehide` handler, the last code of the page.
    phone.browser.execute_script(
        "addEventListener('pagehide', () => sessionStorage.setItem('left', JSON.stringify(harPhone.recorded())))"
    )
    page_gateway.start()
    phone.open()
    left = [tuple(reading) for reading in phone.asynchronously("return JSON.parse(sessionStorage.getItem('left'))")]
    phone.wait_until_all_is_sent()
    assert len(left) > 100
    assert_all_arrived(left, page_gateway.batches)


def test_a_rejected_batch_is_shown_and_not_sent_again(phone: Any, page_gateway: Any) -> None:
    page_gateway.rejects = lambda batch: ("past", "over 7 days behind") if batch.sequence == 2 else None
    phone.enrol()
    phone.start()
    phone.wait(lambda: phone.state()["rejected"] == 1)
    phone.wait_for_text("notices", "The gateway rejects what this phone sends.")
    phone.wait_for_text("log", "past: over 7 days behind")
    phone.wait(lambda: phone.state()["accepted"] >= 5)
    phone.click("start")
    phone.wait_until_all_is_sent()
    assert phone.state()["rejected"] == 1
    assert 2 not in [batch.sequence for batch in page_gateway.batches]
    assert phone.text("rejected") == "1"


def test_a_delay_of_the_gateway_is_shown(phone: Any, page_gateway: Any) -> None:
    phone.enrol()
    phone.start()
    page_gateway.holds = True
    phone.wait(lambda: len(page_gateway.held) >= 1)
    page_gateway.send({"type": "waiting", "reason": "kafka", "seconds": 2.0})
    phone.wait_for_text("connection-text", "waiting for Kafka")
    page_gateway.send({"type": "something-new", "reason": "kafka"})
    page_gateway.abort_connections()
    page_gateway.release_held()
    phone.wait(lambda: phone.text("connection-text") == "Connected")
    phone.click("start")
    phone.wait_until_all_is_sent()
    assert_all_arrived(phone.recorded(), page_gateway.batches)


def test_a_silent_connection_is_replaced(phone: Any, page_gateway: Any) -> None:
    phone.enrol()
    phone.start()
    page_gateway.holds = True
    phone.wait(lambda: len(page_gateway.held) >= 1)
    connections = page_gateway.connections
    phone.wait(lambda: page_gateway.connections > connections, 30)


def test_a_full_outbox_keeps_older_readings_and_counts_lost_ones(phone: Any, page_gateway: Any) -> None:
    phone.enrol()
    page_gateway.stop()
    # A browser with a small quota, for about 2 s of readings.
    small = "navigator.storage.estimate = async () => ({ quota: 5000, usage: 0 })"
    phone.before_each_page(small)
    page_gateway.start()
    phone.open()
    page_gateway.stop()
    phone.start()
    phone.wait(lambda: phone.state()["lostSeconds"] >= 1.5)
    phone.wait_for_text("notices", "The outbox is full")
    phone.wait_for_text("log", "the outbox was full")
    waiting = phone.state()["waiting"]
    assert 2500 < phone.state()["bytes"] <= 3500
    phone.click("start")
    phone.wait(lambda: not phone.state()["isRecording"])
    recorded = phone.recorded()
    page_gateway.start()
    phone.wait_until_all_is_sent()
    lost = phone.state()["lostSeconds"]
    # The last batch may be small enough to fit.
    assert waiting <= len(page_gateway.batches) <= waiting + 1
    kept = set(np.concatenate([batch.times for batch in page_gateway.batches]).tolist())
    assert_all_arrived([reading for reading in recorded if reading[1] in kept], page_gateway.batches)
    oldest = [reading[1] for reading in recorded[: len(kept) // 2]]
    assert set(oldest) <= kept, "the oldest readings are kept"
    spans = [later[1] - earlier[1] for earlier, later in pairwise(recorded) if later[1] not in kept]
    assert lost == pytest.approx(sum(spans) / 1e6, rel=0.15)
    phone.open()
    assert phone.state()["lostSeconds"] == pytest.approx(lost), "the count outlives the page"


def test_a_jump_of_the_wall_clock_begins_a_new_session(phone: Any, page_gateway: Any) -> None:
    phone.enrol()
    phone.start()
    phone.wait(lambda: len(phone.recorded()) > 60)
    phone.browser.execute_script("const now = Date.now; Date.now = () => now() - 5_000")
    phone.wait(lambda: len({reading[0] for reading in phone.recorded()}) == 2)
    phone.wait(lambda: phone.recorded()[-1][1] - phone.recorded()[60][1] < 0)
    phone.click("start")
    phone.wait_until_all_is_sent()
    assert_all_arrived(phone.recorded(), page_gateway.batches)


def test_a_pause_of_a_minute_begins_a_new_session(phone: Any, page_gateway: Any) -> None:
    phone.enrol()
    phone.start()
    phone.wait(lambda: len(phone.recorded()) > 30)
    ahead = """
        const stamp = Object.getOwnPropertyDescriptor(Event.prototype, 'timeStamp').get;
        const now = performance.now.bind(performance);
        const wall = Date.now;
        performance.now = () => now() + 61_000;
        Date.now = () => wall() + 61_000;
        Object.defineProperty(Event.prototype, 'timeStamp', { get() { return stamp.call(this) + 61_000; } })"""
    phone.browser.execute_script(ahead)
    phone.wait(lambda: len({reading[0] for reading in phone.recorded()}) == 2)
    phone.wait_for_text("recording-text", "After a pause, a new session began")
    phone.click("start")
    phone.wait_until_all_is_sent()
    assert_all_arrived(phone.recorded(), page_gateway.batches)


def test_only_one_tab_records_and_another_takes_over(phone: Any, page_gateway: Any) -> None:
    phone.allow_service_workers()
    phone.enrol()
    phone.start()
    first = phone.browser.current_window_handle
    phone.open_tab()
    second = phone.browser.current_window_handle
    phone.browser.get(page_gateway.url)
    phone.wait_for_text("notices", "only one may record")
    assert phone.evaluate("typeof harPhone") == "undefined"
    assert not phone.browser.find_element("id", "start").is_displayed()
    phone.browser.switch_to.window(first)
    phone.browser.close()
    phone.browser.switch_to.window(second)
    phone.wait(lambda: phone.evaluate("typeof harPhone") == "object")
    phone.wait(lambda: phone.browser.find_element("id", "start").is_displayed())
    phone.wait_until_all_is_sent()
    assert phone.text("notices") == ""


def test_the_phones_clock_is_compared_with_the_gateways(phone: Any, page_gateway: Any) -> None:
    page_gateway.clock_offset_us = 90_000_000
    phone.enrol()
    phone.wait_for_text("notices", "clock is 1 min 30 s behind the gateway")
    page_gateway.clock_offset_us = 1_000_000
    page_gateway.abort_connections()
    phone.wait(lambda: phone.text("notices") == "")


def test_invalid_readings_are_dropped(phone: Any, page_gateway: Any) -> None:
    phone.enrol()
    phone.start()
    phone.accelerate(150.0, 150.0, 9.8)
    phone.wait_for_text("rate", "invalid readings dropped")
    phone.accelerate(0.0, 0.0, 9.8)
    phone.wait(lambda: phone.state()["accepted"] > 4)
    phone.click("start")
    phone.wait_until_all_is_sent()
    assert phone.state()["rejected"] == 0
    assert_all_arrived(phone.recorded(), page_gateway.batches)
    assert np.abs(np.concatenate([batch.axes for batch in page_gateway.batches])).max() < 150
