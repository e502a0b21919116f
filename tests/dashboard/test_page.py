"""The page in a real browser: cards, changes of activity, labels, and recovery after the server was killed."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from deploy.ports import free_port
from har.activity_styles import activity_style
from har.live import LIVE_CHANNEL, REJECTED_CHANNEL, device_key
from har.notices import ReleaseRejected, encode_notice
from har.predictions import encode_update
from har.upright import Reference
from stream_processor.live_state import LiveStateWriter
from stream_processor.metrics import ProcessorMetrics
from tests.dashboard.dashboard_feeding import SECOND, make_update
from tests.http_server import answering
from tests.live_page import WAIT_SECONDS, all_do, cards, connection, console_faults, open_page, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.redis]

ROOT = Path(__file__).parents[2]
DEVICES = [f"simulated-{number:02d}" for number in range(8)]


class Phones:
    """Eight devices that each publish five windows per second until the context ends."""

    def __init__(self, redis_url: str) -> None:
        self.activity = "walk"
        self.silent: set[str] = set()
        self._client = redis.Redis.from_url(redis_url)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._publish, daemon=True)

    def __enter__(self) -> "Phones":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._client.close()

    def _publish(self) -> None:
        second = 0
        base = int(time.time()) * SECOND
        while not self._stop.wait(0.2):
            now = time.time_ns() // 1_000
            for device in DEVICES:
                if device in self.silent:
                    continue
                message = encode_update(
                    make_update(device, second, self.activity, base=base, arrived=now - SECOND // 10, published=now)
                )
                self._client.set(device_key(device), message, ex=60)
                self._client.publish(LIVE_CHANNEL, message)
            second += 1


@contextmanager
def dashboard_process(port: int, redis_url: str, gateway_url: str | None = None) -> Iterator[subprocess.Popen[bytes]]:
    program = (
        "from dashboard.server import run; from dashboard.settings import DashboardSettings; run(DashboardSettings())"
    )
    environment = os.environ | {"HAR_DASHBOARD_PORT": str(port), "HAR_DASHBOARD_REDIS_URL": redis_url}
    if gateway_url is not None:
        environment["HAR_DASHBOARD_GATEWAY_URL"] = gateway_url
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_rejected_release_is_shown(browser: Any, redis_server: Any) -> None:
    port = free_port()
    rejected = encode_notice(ReleaseRejected("a-1", "release-1", "unusable", "update rejected (unusable): it is odd"))
    with Phones(redis_server.url), dashboard_process(port, redis_server.url):
        open_page(browser, port)
        wait_for(browser, lambda browser: list(cards(browser)) == DEVICES)
        with redis.Redis.from_url(redis_server.url) as client:
            client.publish(REJECTED_CHANNEL, rejected)
        wait_for(browser, lambda browser: "it is odd" in browser.find_element(By.ID, "notice").text)
        assert "Still in use: release-1." in browser.find_element(By.ID, "notice").text


def test_the_page_recovers_after_the_server_was_killed(browser: Any, redis_server: Any) -> None:
    port = free_port()
    with Phones(redis_server.url) as phones:
        with dashboard_process(port, redis_server.url) as process:
            open_page(browser, port, calm=False)
            wait_for(browser, lambda browser: list(cards(browser)) == DEVICES)
            wait_for(browser, all_do("Walking"))
            assert connection(browser) == "open"
            wait_for(browser, lambda browser: all(card["charts"] == 2 for card in cards(browser).values()))
            wait_for(browser, lambda browser: "ms" in browser.find_element(By.ID, "latency-p99").text)
            assert browser.find_element(By.ID, "release").text == "release-1"
            assert browser.find_element(By.ID, "devices-count").text == "8"

            phones.activity = "sit"
            wait_for(browser, all_do("Sitting"))
            process.send_signal(signal.SIGKILL)
            process.wait()
            wait_for(browser, lambda browser: connection(browser) == "waiting")
            assert list(cards(browser)) == DEVICES, "the page keeps the known devices"
            faults = console_faults(browser)
            # While the server is unavailable, only failed connections to it may be reported.
            assert [fault for fault in faults if "/live" not in fault] == []

        phones.activity = "stand"
        with dashboard_process(port, redis_server.url):
            wait_for(browser, lambda browser: connection(browser) == "open")
            wait_for(browser, all_do("Standing"))
            assert list(cards(browser)) == DEVICES
            assert [fault for fault in console_faults(browser) if "/live" not in fault] == []


ON_TABLE = {"kind": "table", "kind_title": "lying still on a table"}


def part_of(browser: Any, device: str, part: str) -> Any:
    return browser.find_element(By.CSS_SELECTOR, f"[data-device={device}] {part}")


def timeline(browser: Any, device: str) -> str:
    return str(part_of(browser, device, ".timeline").get_attribute("aria-label"))


def said(browser: Any, device: str) -> tuple[str, str, bool]:
    activity, reason, confidence = (part_of(browser, device, part) for part in (".activity", ".reason", ".confidence"))
    return activity.text, reason.text, confidence.is_displayed()


def upright(browser: Any, device: str) -> str:
    return str(part_of(browser, device, ".upright").get_attribute("textContent"))


def personal(browser: Any, device: str) -> tuple[str, bool]:
    found = part_of(browser, device, ".personal")
    return found.text, found.is_displayed()


def publish_learned(client: Any, base: int, second: int) -> None:
    """Publish a window of a phone that learns from walking, and of one that has learned and has a personal head."""
    for device, others, windows, number in (("young-phone", second, 0, None), ("worn-phone", 0, 10 + second, 2)):
        learned = Reference(windows=windows, others=others, latest_us=base + second * SECOND)
        times = {"base": base, "arrived": base, "published": base + second}
        update = make_update(device, second, **times, reference=learned, personal=number)
        client.publish(LIVE_CHANNEL, encode_update(update))


def test_the_page_says_why_an_activity_is_unknown(browser: Any, redis_server: Any) -> None:
    reasons = {"sparse-phone": "sparse", "future-phone": "magnetised", "walking-phone": None}
    port = free_port()
    with dashboard_process(port, redis_server.url), redis.Redis.from_url(redis_server.url) as client:
        open_page(browser, port)
        wait_for(browser, lambda browser: browser.find_element(By.ID, "empty").is_displayed())
        base = int(time.time()) * SECOND
        for second in range(10):
            for device, reason in reasons.items():
                update = make_update(device, second, base=base, arrived=base, published=base + second)
                if second >= 5 and reason is not None:
                    update = make_update(
                        device, second, base=base, arrived=base, published=base + second, reason=reason
                    )
                client.publish(LIVE_CHANNEL, encode_update(update))
            on_table = make_update("table-phone", second, base=base, arrived=base, published=base + second, **ON_TABLE)
            client.publish(LIVE_CHANNEL, encode_update(on_table))
            publish_learned(client, base, second)
        walk = "Once its wearer has walked a few steps, sitting and standing are told apart."
        wait_for(
            browser, lambda _: upright(browser, "young-phone") == f"{walk} Learned from 9 windows of walking so far."
        )
        wait_for(browser, lambda _: upright(browser, "worn-phone") == "Knows how the phone is carried.")
        assert upright(browser, "walking-phone") == "", "its release has no rule"
        words = "Personal: corrected by what the wearer of this phone labelled."
        assert personal(browser, "worn-phone") == (words, True)
        assert personal(browser, "young-phone") == ("", False)
        wait_for(
            browser, lambda _: said(browser, "sparse-phone") == ("Unknown", "The phone measures too rarely.", False)
        )
        wait_for(browser, lambda _: said(browser, "future-phone") == ("Unknown", "The reason is “magnetised”.", False))
        wait_for(browser, lambda _: said(browser, "walking-phone") == ("Walking", "", True))
        wait_for(
            browser, lambda _: said(browser, "table-phone") == ("Unknown – perhaps lying still on a table", "", False)
        )
        assert "Unknown – perhaps lying still on a table" in timeline(browser, "table-phone")
        wait_for(
            browser,
            lambda _: re.search(r"Unknown \(the phone measures too rarely\) \d\d%", timeline(browser, "sparse-phone")),
        )
        assert "Unknown" not in timeline(browser, "walking-phone")
        tooltip = browser.find_element(By.CSS_SELECTOR, "[data-device=sparse-phone] .timeline").get_attribute("title")
        assert "Unknown (the phone measures too rarely)" in tooltip
        for second in range(10, 15):
            update = make_update("sparse-phone", second, "sit", base=base, arrived=base, published=base + second)
            client.publish(LIVE_CHANNEL, encode_update(update))
        wait_for(browser, lambda _: said(browser, "sparse-phone") == ("Sitting", "", True))
        assert "(the phone measures too rarely)" in timeline(browser, "sparse-phone")
        assert console_faults(browser) == []


def test_silent_devices_the_filter_and_unavailable_redis(browser: Any, redis_server: Any) -> None:
    port = free_port()
    with dashboard_process(port, redis_server.url) as process:
        with Phones(redis_server.url) as phones:
            open_page(browser, port)
            wait_for(browser, lambda browser: list(cards(browser)) == DEVICES)
            phones.silent = {"simulated-03"}
            wait_for(browser, lambda browser: cards(browser)["simulated-03"]["silent"])
            assert cards(browser)["simulated-03"]["age"].startswith("Last prediction 1")
            assert not cards(browser)["simulated-04"]["silent"]

            field = browser.find_element(By.ID, "filter")
            field.send_keys("-05")
            shown = (
                "return [...document.querySelectorAll('#grid > li:not([hidden]) .device')].map((e) => e.textContent)"
            )
            assert browser.execute_script(shown) == ["simulated-05"]
            assert browser.find_element(By.ID, "shown").text == "1 of 8 devices"
            field.send_keys(Keys.BACKSPACE * 3)
            assert browser.execute_script(shown) == DEVICES
        redis_server.kill()
        wait_for(browser, lambda browser: "Redis unavailable since" in browser.find_element(By.ID, "notice").text)
        assert connection(browser) == "open"
        redis_server.start()
        wait_for(browser, lambda browser: not browser.find_element(By.ID, "notice").is_displayed())
        assert console_faults(browser) == []
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_SECONDS) == 0


def test_the_page_says_what_redis_rejects_and_how_old_predictions_are(browser: Any, redis_server: Any) -> None:
    def notice() -> str:
        return str(browser.find_element(By.ID, "notice").text)

    async def write_while_memory_is_full() -> None:
        live = LiveStateWriter(redis_server.url, latest_seconds=60, metrics=ProcessorMetrics())
        writing = asyncio.create_task(live.run())
        now = time.time_ns() // 1_000
        for second in range(3):
            base = now - 200 * SECOND
            live.offer(make_update("phone-1", second, base=base, arrived=now - (190 - second) * SECOND, published=now))
        while live.report().status != "rejecting" or live.report().updates_waiting:
            await asyncio.sleep(0.02)
        await asyncio.to_thread(wait_for, browser, lambda _: "OOM command not allowed" in notice())
        writing.cancel()
        await asyncio.wait([writing])

    port = free_port()
    with dashboard_process(port, redis_server.url), redis.Redis.from_url(redis_server.url) as client:
        open_page(browser, port)
        wait_for(browser, lambda browser: browser.find_element(By.ID, "empty").is_displayed())
        client.config_set("maxmemory", 1)
        asyncio.run(write_while_memory_is_full())
        assert notice().startswith("A processor cannot keep the latest predictions in Redis: OOM")
        # The updates are there, though their readings arrived three minutes ago.
        wait_for(browser, lambda browser: re.fullmatch("3 min .* s behind", cards(browser)["phone-1"]["age"]))
        wait_for(browser, lambda browser: re.fullmatch("Last prediction 3 min.* ago", cards(browser)["phone-1"]["age"]))
        redis_server.kill()
        wait_for(browser, lambda _: "Redis unavailable since" in notice() and "onnect" in notice())


def test_the_page_says_how_long_the_feed_is_quiet(browser: Any, redis_server: Any) -> None:
    port = free_port()
    show = """
        const { StatusBar } = await import('./status-bar.js');
        const status = { devices: arguments[0], windows_per_second: 0, releases: [], undecodable: 0,
            redis_unavailable_since: null, newest_update: 1_790_000_000_000_000 };
        new StatusBar().showStatus(status, status.newest_update + arguments[1] * 1e6);
        return document.getElementById('notice').textContent;"""
    quiet = "The live feed has reported nothing for {}. Each card says how old its last prediction is."
    with dashboard_process(port, redis_server.url):
        open_page(browser, port)
        shown = [browser.execute_script(show, 3, seconds) for seconds in (29, 47, 150)]
        assert shown == ["", quiet.format("40 s"), quiet.format("2 min")]
        assert browser.execute_script(show, 0, 150) == ""


def test_a_small_screen_with_dark_colours_and_reduced_motion(browser: Any, redis_server: Any) -> None:
    port = free_port()
    features = [
        {"name": "prefers-reduced-motion", "value": "reduce"},
        {"name": "prefers-color-scheme", "value": "dark"},
    ]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    with dashboard_process(port, redis_server.url), Phones(redis_server.url):
        open_page(browser, port, calm=False)
        wait_for(browser, all_do("Walking"))
        assert browser.execute_script("return document.documentElement.scrollWidth") == 390
        charts = {device: card["charts"] for device, card in cards(browser).items()}
        wait_for(browser, lambda browser: cards(browser)["simulated-00"]["charts"] == 2)
        assert charts["simulated-07"] == 0, "cards outside the viewport have no charts"
        browser.execute_script("document.querySelector('[data-device=simulated-07]').scrollIntoView()")
        wait_for(browser, lambda browser: cards(browser)["simulated-07"]["charts"] == 2)
        wait_for(browser, lambda browser: cards(browser)["simulated-00"]["charts"] == 0)
        assert console_faults(browser) == []


#: What can be chosen: two classes of a release, and a word of the wearer's own.
LABEL_ACTIVITIES: dict[str, Any] = {
    "type": "activities",
    "release": "r1",
    "activities": [msgspec.structs.asdict(activity_style(name)) for name in ("sit", "walk")],
    "own": [msgspec.structs.asdict(activity_style("tai_chi"))],
}


@contextmanager
def fake_gateway(requests: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    """Run a gateway that accepts every label, and invites every phone except ``taken``."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        if request.command == "GET":
            status, document, answered = 200, {}, LABEL_ACTIVITIES
        else:
            document = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
            requests.append((request.path, document))
            status, answered = 200, gateways_answer(request.path, document)
        if document.get("name") == "taken":
            status, answered = 409, {"type": "rejected", "code": "taken", "detail": "this name is taken"}
        request.send_response(status)
        request.end_headers()
        request.wfile.write(json.dumps(answered).encode())

    with answering(answer) as url:
        yield url


def gateways_answer(path: str, document: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to an invitation or a label."""
    if "name" in document:
        svg = '<svg xmlns="http://www.w3.org/2000/svg"></svg>'
        url = "https://10.0.0.5:8600/phone/#enrol=ABCD"
        return {"device": document["name"], "code": "ABCD", "url": url, "svg": svg, "expires": 1}
    label = {"session": "s1", "start": 5_000_000, "said_at": 5_000_000, "end": None, "user": None} | document
    if "start" in document and path.endswith("/now"):
        label["end"] = 9_000_000
    return {"type": "accepted", "label": label}


def label_a_device(browser: Any, press: Callable[[str], None], status: Callable[[str], str]) -> None:
    """Begin, end, correct and withdraw a label."""
    press(f"[data-device={DEVICES[0]}] .label-button")
    wait_for(browser, lambda browser: browser.find_elements(By.CSS_SELECTOR, ".choice[data-activity=tai_chi]"))
    assert len(browser.find_elements(By.CSS_SELECTOR, ".choice")) == 3
    press(".choice[data-activity=walk]")
    wait_for(browser, lambda _: status("label").startswith("Walking since"))
    press("#label-stop")
    wait_for(browser, lambda _: status("label").startswith("Ended at"))
    assert browser.find_element(By.ID, "label-list").text.startswith("Walking, from")
    press("#label-list button")
    press(".choice[data-activity=tai_chi]")
    wait_for(browser, lambda _: status("label").startswith("Tai chi from"))
    press("#label-undo")
    wait_for(browser, lambda _: status("label") == "Undone.")
    assert browser.find_elements(By.CSS_SELECTOR, "#label-list li") == []


def test_labels_and_invitations_reach_the_gateway(browser: Any, redis_server: Any) -> None:
    def press(selector: str) -> None:
        browser.execute_script("arguments[0].click()", browser.find_element(By.CSS_SELECTOR, selector))

    def status(name: str) -> str:
        return str(browser.find_element(By.ID, f"{name}-status").text)

    port, requests = free_port(), []
    with (
        fake_gateway(requests) as gateway_url,
        Phones(redis_server.url),
        dashboard_process(port, redis_server.url, gateway_url),
    ):
        open_page(browser, port)
        wait_for(browser, lambda browser: browser.find_element(By.ID, "add-phone").is_displayed())
        wait_for(browser, lambda browser: list(cards(browser)) == DEVICES)
        label_a_device(browser, press, status)
        browser.find_element(By.ID, "label-dialog").send_keys(Keys.ESCAPE)
        assert console_faults(browser) == []

        press("#add-phone")
        name = browser.find_element(By.ID, "enrol-name")
        name.send_keys("taken")
        press("#enrol-form .primary")
        wait_for(browser, lambda _: status("enrol") == "this name is taken")
        name.clear()
        name.send_keys("new")
        press("#enrol-form .primary")
        wait_for(browser, lambda browser: browser.find_element(By.ID, "enrol-letters").text == "ABCD")

    first = {"device": DEVICES[0], "activity": "walk"}
    said = {"device": DEVICES[0], "activity": "tai_chi", "session": "s1", "start": 5_000_000}
    assert requests == [
        ("/v1/labels/now", first),
        ("/v1/labels/now", first | {"session": "s1", "start": 5_000_000}),
        ("/v1/labels", said | {"end": 9_000_000, "said_at": 5_000_001}),
        ("/v1/labels", said | {"end": 5_000_000, "said_at": 5_000_002}),
        ("/v1/devices", {"name": "taken"}),
        ("/v1/devices", {"name": "new"}),
    ]


def test_the_api_description_opens_in_a_browser(browser: Any, redis_server: Any) -> None:
    port = free_port()
    with dashboard_process(port, redis_server.url):
        open_page(browser, port)
        browser.get(f"http://127.0.0.1:{port}/docs")
        wait_for(browser, lambda browser: "/v1/labels/now" in browser.find_element(By.TAG_NAME, "body").text)
        assert console_faults(browser) == []
