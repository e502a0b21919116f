"""Take the README's screenshot of a running demo's phone page: `python -m benchmarks.phone_picture URL FILE`.

URL is that of the phone page, such as http://localhost:8600/phone/. The phone is a browser with emulated sensors.
"""

import io
import itertools
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from ingest.simulation.phone import SimulatedPhone
from tests.ingest.phone_page.phone_in_browser import GatewayAddress, PhoneInBrowser

ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
GAP = 40
#: How long to wait until both predictions are right, s; a busy machine emulates the sensors with pauses.
LONGEST_WAIT_SECONDS = 60


def walking_phone() -> SimulatedPhone:
    """Return a simulated phone whose wearer walks for the first ten minutes."""
    now = time.time_ns() // 1000
    for number in itertools.count():
        phone = SimulatedPhone(2018, number, session_start_us=now, segment_seconds=600)
        if phone.activity_at(np.array([now + 1_000_000])) == ["walk"]:
            return phone
    raise AssertionError("unreachable")


def walk(phone: PhoneInBrowser, walker: SimulatedPhone, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        acceleration = walker.readings_until(time.time_ns() // 1000).acceleration
        if len(acceleration):
            phone.accelerate(*acceleration[-1].tolist())


def predictions(phone: PhoneInBrowser) -> list[str]:
    """Return the activities that the page shows as predicted, by the server and by the phone."""
    shown = phone.browser.find_elements("css selector", ".prediction .activity")
    return [element.text for element in shown]


def picture(url: str) -> Image.Image:
    options = Options()
    for argument in ARGUMENTS:
        options.add_argument(argument)
    browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        phone = PhoneInBrowser(browser, GatewayAddress(url))
        phone.open(query="")
        phone.click("classifies")
        phone.click("start")
        phone.wait(lambda: phone.state()["isRecording"])
        phone.click_at("[data-activity=walk]")
        walker = walking_phone()
        walk(phone, walker, 25)
        shots = []
        for dark in (False, True):
            phone.prefer_dark(dark)
            phone.evaluate("scrollTo(0, 0)")
            walk(phone, walker, 4)
            deadline = time.monotonic() + LONGEST_WAIT_SECONDS
            while set(predictions(phone)) != {"Walking"} and time.monotonic() < deadline:
                walk(phone, walker, 0.5)
            with tempfile.TemporaryDirectory() as folder:
                phone.screenshot(Path(folder) / "shot.png")
                shots.append(Image.open(io.BytesIO((Path(folder) / "shot.png").read_bytes())).convert("RGB"))
    finally:
        browser.quit()
    width = sum(shot.width for shot in shots) + GAP * (len(shots) - 1)
    joined = Image.new("RGB", (width, shots[0].height), "white")
    for number, shot in enumerate(shots):
        joined.paste(shot, (number * (shot.width + GAP), 0))
    return joined.resize((width // 2, shots[0].height // 2), Image.Resampling.LANCZOS)


def main(url: str, file: str) -> None:
    picture(url).save(file, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
