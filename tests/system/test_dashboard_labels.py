"""Labels set on the dashboard reach Kafka in the phone's time, and phones are invited if the gateway can do it."""

import subprocess
import time

import pytest
from kafka import KafkaConsumer, TopicPartition
from selenium.webdriver.common.by import By

from deploy.stack import har
from har import topics
from har.labels import ENDLESS, decode_label
from model_store.release_folder import open_release
from tests.chromium import click
from tests.live_page import cards, console_faults, open_page, wait_for

pytestmark = [pytest.mark.kafka, pytest.mark.browser]


@pytest.fixture
def simulated(system):
    words = ("simulate", "--devices", "1", "--first", "40", "--gateway", system.stack.addresses.gateway_url)
    phone = subprocess.Popen(har(*words), stderr=subprocess.DEVNULL)
    yield "simulated-40"
    phone.terminate()
    phone.wait(20)


def labels(system):
    """Return all labels in Kafka, in the order of the log."""
    consumer = KafkaConsumer(bootstrap_servers=system.stack.addresses.kafka.servers, auto_offset_reset="earliest")
    try:
        numbers = consumer.partitions_for_topic(topics.LABELS.name)
        consumer.assign([TopicPartition(topics.LABELS.name, number) for number in numbers])
        until, found = time.monotonic() + 2, []
        while time.monotonic() < until:
            for records in consumer.poll(timeout_ms=200).values():
                found += [decode_label(record.value) for record in records]
        return found
    finally:
        consumer.close()


def press(browser, selector):
    click(browser, browser.find_element(By.CSS_SELECTOR, selector))


def status(browser):
    return browser.find_element(By.ID, "label-status").text


# The requests of a browser do not depend on the broker.
embedded = pytest.mark.parametrize("system", ["embedded"], indirect=True, scope="module")


@embedded
def test_a_label_is_started_ended_and_undone(system, simulated, browser):
    open_page(browser, system.stack.addresses.dashboard)
    wait_for(browser, lambda page: simulated in cards(page))
    wait_for(browser, lambda page: page.find_elements(By.CSS_SELECTOR, f"[data-device={simulated}] .label-button"))
    wait_for(
        browser,
        lambda page: page.find_element(By.CSS_SELECTOR, f"[data-device={simulated}] .label-button").is_displayed(),
    )
    press(browser, f"[data-device={simulated}] .label-button")
    assert browser.find_element(By.ID, "label-title").text == simulated
    before = time.time_ns() // 1000
    press(browser, ".choice[data-activity=walk]")
    wait_for(browser, lambda page: status(page).startswith("Walking since"))
    after = time.time_ns() // 1000
    press(browser, "#label-stop")
    wait_for(browser, lambda page: status(page).startswith("Ended at"))
    press(browser, "#label-undo")
    wait_for(browser, lambda page: status(page) == "Undone.")
    made, ended, undone = labels(system)[-3:]
    assert {(label.device, label.session, label.start, label.activity) for label in (made, ended, undone)} == {
        (simulated, made.session, made.start, "walk")
    }
    # The simulated phone's clock is this machine's; it sends a batch about every 0.8 s.
    assert before - 1_500_000 <= made.start <= after
    assert (made.end, undone.end) == (ENDLESS, made.start)
    assert made.start < ended.end <= time.time_ns() // 1000
    assert made.said_at < ended.said_at < undone.said_at
    # An own word is a label, too, and is offered from now on.
    browser.find_element(By.ID, "label-own").send_keys("Tai-Chi")
    press(browser, "#label-own-form .button")
    wait_for(browser, lambda page: status(page).startswith("tai_chi since"))
    wait_for(browser, lambda page: page.find_elements(By.CSS_SELECTOR, ".choice[data-activity=tai_chi]"))
    offered = [choice.get_attribute("data-activity") for choice in browser.find_elements(By.CSS_SELECTOR, ".choice")]
    assert offered == [*open_release("baseline").manifest.classes, "tai_chi"], "the release's classes first"
    assert labels(system)[-1].activity == "tai_chi"
    assert console_faults(browser) == []
    browser.find_element(By.ID, "label-own").send_keys("5 steps")
    press(browser, "#label-own-form .button")
    wait_for(browser, lambda page: "cannot name an activity" in status(page))


@embedded
def test_an_invitation_that_the_gateway_cannot_create_is_explained(system, simulated, browser):
    open_page(browser, system.stack.addresses.dashboard)
    wait_for(browser, lambda page: page.find_element(By.ID, "add-phone").is_displayed())
    press(browser, "#add-phone")
    browser.find_element(By.ID, "enrol-name").send_keys("annas-phone")
    press(browser, "#enrol-form .primary")
    wait_for(browser, lambda page: "--lan" in page.find_element(By.ID, "enrol-status").text)
