"""Simulated phones, and one that measures too rarely, through the whole system, to a page in a real browser."""

import asyncio
import os
import signal
import subprocess
import time

import numpy as np
import pytest

from deploy.stack import har
from har.time_units import MICROSECONDS
from ingest.senders.phone_client import PhoneClient
from tests.live_page import cards, connection, console_faults, open_page, wait_for

DEVICES = [f"simulated-{number:02d}" for number in range(8)]


# The page does not depend on the broker.
on_any_broker = pytest.mark.parametrize("system", ["embedded"], indirect=True, scope="module")


@on_any_broker
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


async def walk_with_fewer_readings(url: str, device: str) -> None:
    """Send 20 s of a walk that end now: for 10 s 60 readings per second, then 10."""
    seconds = np.concatenate((np.arange(600) / 60, 10 + np.arange(100) / 10))
    swing = 2 * np.pi * 1.9 * seconds
    axes = np.stack((1.5 * np.sin(swing), np.sin(2 * swing + 1), 9.81 + 3 * np.cos(swing)), axis=1)
    axes += np.random.default_rng(1).normal(0, 0.2, axes.shape)
    async with PhoneClient(url, device) as phone:
        await phone.send(((time.time() - 20 + seconds) * MICROSECONDS).astype(np.int64), axes.astype(np.float32))


@on_any_broker
def test_a_phone_that_measures_too_rarely_is_unknown_with_the_reason(system, browser):
    addresses, device = system.stack.addresses, "slow-phone"
    open_page(browser, addresses.dashboard)
    asyncio.run(walk_with_fewer_readings(addresses.gateway_url, device))
    # Windows with readings of both rates have pauses.
    wait_for(browser, lambda browser: cards(browser).get(device, {}).get("reason") == "The phone measures too rarely.")
    assert cards(browser)[device]["activity"] == "Unknown"
    assert console_faults(browser) == []
