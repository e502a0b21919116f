"""Enrolment, tokens and revocation of a phone."""

from typing import Any

from tests.ingest.phone_page.page_gateway import CODE, REVOKED, TOKEN_EXPIRED
from tests.ingest.phone_page.phone_in_browser import assert_all_arrived


def test_a_code_in_the_address_enrols_and_is_removed_from_the_address(phone: Any, page_gateway: Any) -> None:
    phone.allow_service_workers()
    phone.enrol()
    assert phone.evaluate("location.hash") == ""
    assert CODE not in phone.evaluate("location.href")
    assert phone.evaluate("history.length") <= 2
    phone.open()
    assert phone.state()["device"] == page_gateway.device, "the account outlives a reload"
    assert not phone.browser.find_element("id", "enrolment").is_displayed()


def test_a_code_can_be_typed_and_a_wrong_one_shows_an_error(phone: Any, page_gateway: Any) -> None:
    phone.open()
    assert not phone.browser.find_element("id", "start").is_displayed()
    code = phone.browser.find_element("id", "code")
    code.send_keys("WRONG")
    phone.click_at("#enrolment-form button")
    phone.wait_for_text("enrolment-fault", "was used already")
    code.clear()
    code.send_keys(f" {CODE} ")
    phone.click_at("#enrolment-form button")
    phone.wait(lambda: phone.state()["device"] == page_gateway.device)
    phone.wait(lambda: phone.browser.find_element("id", "start").is_displayed())


def test_a_link_does_not_enrol_an_enrolled_phone_again_without_confirmation(phone: Any, page_gateway: Any) -> None:
    phone.enrol()
    page_gateway.device = "somebody-elses"
    phone.browser.get("about:blank")
    phone.open(fragment=f"#enrol={CODE}")
    phone.wait_for_text("enrolment-title", "This phone is annas-phone")
    assert phone.state()["device"] == "annas-phone"
    phone.click_at("#enrolment-form button")
    phone.wait(lambda: phone.state()["device"] == "somebody-elses")


def test_a_token_is_renewed_before_it_expires(phone: Any, page_gateway: Any) -> None:
    page_gateway.token_seconds = 6.0
    phone.enrol()
    phone.wait(lambda: page_gateway.token_requests >= 2)
    assert all(seconds_left > 0 for seconds_left in page_gateway.renewed_before_end)
    assert phone.text("notices") == ""


def test_after_an_expired_token_the_stream_continues_with_a_new_one(phone: Any, page_gateway: Any) -> None:
    phone.enrol()
    phone.start()
    phone.wait(lambda: phone.state()["accepted"] >= 2)
    asked = page_gateway.token_requests
    page_gateway.tokens.clear()
    page_gateway.close_connections(TOKEN_EXPIRED, "expired")
    phone.wait(lambda: page_gateway.token_requests == asked + 1)
    accepted = phone.state()["accepted"]
    phone.wait(lambda: phone.state()["accepted"] > accepted)
    phone.click("start")
    phone.wait_until_all_is_sent()
    assert_all_arrived(phone.recorded(), page_gateway.batches)
    assert page_gateway.token_requests == asked + 1


def test_a_phone_whose_clock_is_an_hour_ahead_does_not_renew_all_the_time(phone: Any, page_gateway: Any) -> None:
    ahead = "const now = Date.now; Date.now = () => now() + 3_600_000"
    phone.before_each_page(ahead)
    phone.enrol()
    phone.start()
    phone.wait(lambda: phone.state()["accepted"] >= 4)
    assert page_gateway.token_requests == 0


def test_a_revoked_phone_stops_shows_the_reason_and_can_be_enrolled_again(phone: Any, page_gateway: Any) -> None:
    phone.enrol()
    phone.start()
    phone.wait(lambda: phone.state()["accepted"] >= 2)
    page_gateway.holds = True
    phone.wait(lambda: len(page_gateway.held) >= 2)
    page_gateway.revoked = True
    page_gateway.close_connections(REVOKED, "This phone was revoked by Anna.")
    phone.wait_for_text("notices", "This phone was revoked by Anna.")
    phone.wait(lambda: not phone.state()["isRecording"])
    assert phone.state()["link"] == "off"
    assert phone.text("connection-text") == "Revoked"
    waiting = phone.state()["waiting"]
    assert waiting >= 2, "unsent batches are kept"
    connections = page_gateway.connections
    page_gateway.release_held()
    phone.wait_for_text("enrolment-title", "again")
    phone.browser.find_element("id", "code").send_keys(CODE)
    phone.click_at("#enrolment-form button")
    phone.wait_until_all_is_sent()
    assert page_gateway.connections > connections
    assert_all_arrived(phone.recorded(), page_gateway.batches)
    assert phone.text("notices") == ""


def test_unsent_batches_are_not_sent_under_another_name(phone: Any, page_gateway: Any) -> None:
    phone.enrol()
    page_gateway.stop()
    phone.start()
    phone.wait(lambda: phone.state()["waiting"] >= 3)
    phone.click("start")
    phone.wait(lambda: not phone.state()["isRecording"])
    phone.click("forget")
    phone.browser.switch_to.alert.accept()
    phone.wait(lambda: phone.browser.find_element("id", "enrolment").is_displayed())
    page_gateway.device = "bens-phone"
    page_gateway.start()
    phone.browser.find_element("id", "code").send_keys(CODE)
    phone.click_at("#enrolment-form button")
    phone.wait_for_text("notices", "recorded as annas-phone cannot be sent as bens-phone")
    phone.wait(lambda: not phone.browser.find_element("id", "enrolment").is_displayed())
    phone.start()
    phone.wait(lambda: phone.state()["accepted"] >= 2)
    assert {batch.device for batch in page_gateway.batches} == {"bens-phone"}
    phone.click_at("#notices button")
    phone.browser.switch_to.alert.accept()
    phone.wait(lambda: "annas-phone" not in phone.text("notices"))


def test_an_open_gateway_needs_no_token_and_lets_the_wearer_choose_a_name(phone: Any, page_gateway: Any) -> None:
    page_gateway.enrolment = "open"
    phone.open()
    assert phone.state()["device"].startswith("phone-")
    name = phone.browser.find_element("id", "name")
    name.clear()
    name.send_keys("kitchen.phone-1")
    phone.click_at("#name-form button")
    phone.wait(lambda: phone.state()["device"] == "kitchen.phone-1")
    phone.start()
    phone.wait(lambda: phone.state()["accepted"] >= 2)
    assert {batch.device for batch in page_gateway.batches} == {"kitchen.phone-1"}
    assert page_gateway.token_requests == 0
