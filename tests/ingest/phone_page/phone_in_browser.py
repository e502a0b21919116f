"""The phone page in a browser, operated as a wearer does."""

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from har.samples import SampleBatch
from tests.chromium import click
from tests.ingest.phone_page.page_gateway import CODE, DEVICE, PageGateway

WAIT_SECONDS = 20
#: Each change of the sensor is a command to the browser, which takes longer than a reading.
SHAKES_PER_SECOND = 25
_NO_SERVICE_WORKERS = "Object.defineProperty(Navigator.prototype, 'serviceWorker', { value: undefined })"
SENSORS = ("accelerometer", "linear-acceleration", "gyroscope")


@dataclass
class GatewayAddress:
    """A gateway that runs elsewhere, by the address of its phone page, for `PhoneInBrowser`."""

    url: str
    device: str = DEVICE


class PhoneInBrowser:
    """A phone with an emulated sensor, a display of 390 x 844, and the preference for reduced motion.

    Without `has_service_workers`, pages cannot register one, as in some private windows. This saves the time to cache
    all files of the page.
    """

    def __init__(
        self, browser: webdriver.Chrome, gateway: PageGateway | GatewayAddress, *, has_service_workers: bool = True
    ) -> None:
        self.browser = browser
        self.gateway = gateway
        self._without_workers = "" if has_service_workers else self.before_each_page(_NO_SERVICE_WORKERS)
        self._command("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=2, mobile=True)
        self._media = {"prefers-reduced-motion": "reduce"}
        self._emulate_media()
        self.add_sensor()

    def add_sensor(self) -> None:
        for kind in SENSORS:
            metadata = {"available": True, "minimumFrequency": 1, "maximumFrequency": 100}
            self._command("Emulation.setSensorOverrideEnabled", enabled=True, type=kind, metadata=metadata)
        self.accelerate(0.0, 0.0, 9.81)

    def accelerate(self, x: float, y: float, z: float, sensors: tuple[str, ...] = SENSORS) -> None:
        """Set the sensor's acceleration, m/s². It reports it 60 times per second."""
        for kind in sensors:
            self._command("Emulation.setSensorOverrideReadings", type=kind, reading={"xyz": {"x": x, "y": y, "z": z}})

    def shake(self, seconds: float = 1.0) -> None:
        """Change the acceleration for a while, as during a walk with the phone upright: the shipped release says so."""
        begin, times = time.monotonic(), 0
        while (passed := time.monotonic() - begin) < seconds or times < seconds * SHAKES_PER_SECOND:
            swing = 2 * np.pi * passed
            up = 9.81 + 3.0 * np.cos(2 * swing) + 1.5 * np.cos(4 * swing + 1)
            forwards = np.sin(2 * swing + 1) + 0.7 * np.sin(4 * swing)
            self.accelerate(1.5 * np.sin(swing), up, forwards, sensors=("accelerometer",))
            times += 1
            time.sleep(1 / SHAKES_PER_SECOND)

    def shake_until(self, condition: Callable[[], object]) -> None:
        """Shake until a condition holds; of a sensor that rests, the newest window soon has no prediction."""

        def holds_after_shaking() -> object:
            self.shake(0.5)
            return condition()

        self.wait(holds_after_shaking)

    def open(self, *, query: str = "?record=1", fragment: str = "") -> None:
        self.browser.get(f"{self.gateway.url}{query}{fragment}")
        self.wait(lambda: self.evaluate("typeof harPhone") == "object")

    def before_each_page(self, script: str) -> str:
        """Run a script in each page that is loaded from now on; return its identifier."""
        return str(self._command("Page.addScriptToEvaluateOnNewDocument", source=script)["identifier"])

    def allow_service_workers(self) -> None:
        """Allow the next loaded page to register its service worker."""
        self._command("Page.removeScriptToEvaluateOnNewDocument", identifier=self._without_workers)

    def open_tab(self) -> None:
        """Open another tab of the same browser, in front of this one."""
        present = self.browser.current_window_handle
        self.browser.switch_to.window(self.browser.browsing_context.create(type="tab", reference_context=present))

    def enrol(self) -> None:
        self.open(fragment=f"#enrol={CODE}")
        self.wait(lambda: self.state()["device"] == self.gateway.device)
        # The position of the start button depends on it.
        self.wait(lambda: not self.browser.find_element(By.ID, "enrolment").is_displayed())
        self.wait(lambda: self.browser.find_element(By.ID, "settings").is_displayed())

    def start(self) -> None:
        self.click("start")
        self.wait(lambda: self.state()["isRecording"] and len(self.recorded()) > 0)

    def evaluate(self, expression: str) -> Any:
        return self.browser.execute_script(f"return {expression}")

    def asynchronously(self, body: str, *arguments: Any) -> Any:
        """Run the body of an asynchronous function; its `args` are the arguments."""
        script = (
            "const [done, args] = [arguments[arguments.length - 1], arguments];"
            "(async () => { %s })().then((value) => done({ value }), (error) => done({ error: String(error.stack) }))"
        )
        answer = self.browser.execute_async_script(script % body, *arguments)
        assert "error" not in answer, answer["error"]
        return answer.get("value")

    def state(self) -> dict[str, Any]:
        return dict(self.evaluate("harPhone.state()"))

    def recorded(self) -> list[tuple[str, int, float, float, float]]:
        """Return the readings since the page was loaded: session, time (µs), x, y, z (m/s²)."""
        return [tuple(reading) for reading in self.evaluate("harPhone.recorded()")]

    def text(self, identifier: str) -> str:
        return str(self.evaluate(f"document.getElementById('{identifier}').innerText"))

    def click(self, identifier: str) -> None:
        self.click_at(f"#{identifier}")

    def click_at(self, selector: str) -> None:
        def is_clicked() -> bool:
            try:
                element = self.browser.find_element(By.CSS_SELECTOR, selector)
                if not (element.is_displayed() and element.is_enabled()):
                    return False
                click(self.browser, element)
            except StaleElementReferenceException:  # the page drew it anew meanwhile
                return False
            return True

        self.wait(is_clicked)

    def wait(self, condition: Callable[[], object], seconds: float = WAIT_SECONDS) -> None:
        try:
            WebDriverWait(self.browser, seconds, poll_frequency=0.1).until(lambda _: condition())
        except TimeoutException as error:
            error.msg = self.evaluate("typeof harPhone === 'object' && JSON.stringify(harPhone.state())")
            error.msg = f"{error.msg}\n{self.evaluate('document.body.innerText')}\n{self.console_faults()}"
            raise

    def wait_for_text(self, identifier: str, part: str) -> None:
        self.wait(lambda: part in self.text(identifier))

    def wait_until_all_is_sent(self) -> None:
        self.wait(lambda: self.state()["waiting"] == 0)

    def wait_until_it_opens_offline(self) -> None:
        """Wait until the service worker has cached the page."""
        kept = """
            const names = await caches.open('har-phone');
            return (await names.match('/phone/present') ?? await names.match('/phone/next')) !== undefined"""
        self.wait(lambda: self.asynchronously(kept) and self.evaluate("navigator.serviceWorker.controller !== null"))

    def go_offline(self, offline: bool = True) -> None:
        self._command("Network.enable")
        self._command(
            "Network.emulateNetworkConditions", offline=offline, latency=0, downloadThroughput=-1, uploadThroughput=-1
        )

    def screenshot(self, file: Path, *, whole: bool = False) -> None:
        taken = self._command("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(taken["data"]))

    def prefer_dark(self, dark: bool = True) -> None:
        self._media["prefers-color-scheme"] = "dark" if dark else "light"
        self._emulate_media()

    def prefer_motion(self) -> None:
        """Draw the chart 20 times per second instead of once."""
        self._media["prefers-reduced-motion"] = "no-preference"
        self._emulate_media()

    def _emulate_media(self) -> None:
        features = [{"name": name, "value": value} for name, value in self._media.items()]
        self._command("Emulation.setEmulatedMedia", features=features)

    def console_faults(self) -> list[str]:
        """Return errors of the console, such as violations of the security policy."""
        entries = self.browser.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def _command(self, name: str, **parameters: Any) -> Any:
        return self.browser.execute_cdp_cmd(name, parameters)


def assert_all_arrived(recorded: list[tuple[str, int, float, float, float]], batches: list[SampleBatch]) -> None:
    """Assert that each recorded reading arrived once, in consecutive batches whose promises hold."""
    sessions = list(dict.fromkeys(session for session, *_ in recorded))
    for session in sessions:
        numbered: dict[int, SampleBatch] = {}
        for batch in batches:
            if batch.session == session:
                known = numbered.setdefault(batch.sequence, batch)
                assert np.array_equal(known.times, batch.times), "a repeated batch must be equal"
        assert sorted(numbered) == list(range(len(numbered)))
        ordered = [numbered[sequence] for sequence in sorted(numbered)]
        _assert_promises(ordered)
        times, axes = columns_of([reading for reading in recorded if reading[0] == session])
        assert np.array_equal(np.concatenate([batch.times for batch in ordered]), times)
        assert np.array_equal(np.concatenate([batch.axes for batch in ordered]), axes)


def columns_of(
    recorded: list[tuple[str, int, float, float, float]],
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    times = np.array([reading[1] for reading in recorded], np.int64)
    return times, np.array([reading[2:] for reading in recorded], np.float32)


def _assert_promises(batches: list[SampleBatch]) -> None:
    newest = 0
    for batch in batches:
        assert (batch.newest_sent, batch.earlier_until) == (newest, newest)
        newest = batch.newest
        assert batch.later_from == newest + 1
        assert (np.diff(batch.times) > 0).all()
