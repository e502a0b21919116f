"""Eight simulated phones, through the whole system, to a page in a real browser."""

import os
import signal
import subprocess

import pytest

from deploy.stack import har
from tests.live_page import cards, connection, console_faults, open_page, wait_for

DEVICES = [f"simulated-{number:02d}" for number in range(8)]


# The page does not depend on the broker.
@pytest.mark.parametrize("system", ["embedded"], indirect=True, scope="module")
def test_eight_phones_change_activity_and_the_page_survives_its_server(system, browser):
    addresses = system.stack.addresses
    words = ("simulate", "--devices", "8", "--segment-seconds", "5", "--gateway", addresses.gateway_url)
    phones = subprocess.Popen(har(*words))
    try:
        open_page(browser, addresses.dashboard)
        wait_for(browser, lambda browser: set(DEVICES) <= cards(browser).keys())
        shown: dict[str, set[str]] = {device: set() for device in DEVICES}

        def every_device_has_changed(browser) -> bool:
            for device, card in cards(browser).items():
                shown.get(device, set()).add(card["activity"])
            return all(len(activities) >= 2 for activities in shown.values())

        wait_for(browser, every_device_has_changed)

        dashboard = system.stack.programs["dashboard"]
        os.kill(dashboard.process.pid, signal.SIGKILL)
        system.run(system.stack.group.stop(dashboard))
        wait_for(browser, lambda browser: connection(browser) == "waiting")
        system.run(system.stack.start_dashboard())
        wait_for(browser, lambda browser: connection(browser) == "open")
        for activities in shown.values():
            activities.clear()
        wait_for(browser, every_device_has_changed)
        assert [fault for fault in console_faults(browser) if "/live" not in fault] == []
    finally:
        phones.terminate()
        phones.wait()
