"""Tests that share a Chromium are isolated: data and console messages of a page do not reach the next test."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.chromium import WIDTH, SharedChromium, click
from tests.http_server import answering

_MOVING = b"""<!doctype html><title>moves</title><div id="above"></div><button id="press">Press</button><script>
let clicks = 0;
document.getElementById('press').addEventListener('click', () => { clicks += 1; });
addEventListener('mousemove', () => { document.getElementById('above').style.height = '300px'; }, { once: true });
</script>"""
_KEEP = """
const done = arguments[arguments.length - 1];
(async () => {
  console.error('a complaint');
  localStorage.kept = 'yes';
  document.cookie = 'kept=yes';
  await navigator.serviceWorker.register('/worker.js');
  await (await caches.open('kept')).put('/kept', new Response('yes'));
  await new Promise((resolve) => { indexedDB.open('kept').onsuccess = resolve; });
})().then(done, (error) => done(String(error)));
"""
_KEPT = """
const done = arguments[arguments.length - 1];
(async () => [
  localStorage.length, document.cookie.length, (await navigator.serviceWorker.getRegistrations()).length,
  (await caches.keys()).length, (await indexedDB.databases()).length, innerWidth,
])().then(done, (error) => done(String(error)));
"""

_FILES = {
    "/": ("text/html", b"<!doctype html><title>keeps</title>"),
    "/moving": ("text/html", _MOVING),
    "/worker.js": ("text/javascript", b""),
}


@pytest.fixture
def url() -> Iterator[str]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        kind, body = _FILES.get(handler.path, ("text/plain", b""))
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.end_headers()
        handler.wfile.write(body)

    with answering(answer) as served:
        yield served


def test_data_of_one_test_are_not_visible_to_the_next(chromium: SharedChromium, url: str) -> None:
    for _ in range(2):
        with chromium.context() as browser:
            browser.get(url)
            assert browser.execute_async_script(_KEPT) == [0, 0, 0, 0, 0, WIDTH]
            assert _complaints(browser) == []
            assert browser.execute_async_script(_KEEP) is None
            assert browser.execute_async_script(_KEPT) == [1, 8, 1, 1, 1, WIDTH]
            size = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": False}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            assert browser.execute_script("return innerWidth") == 390


def test_a_browser_that_a_test_has_quit_starts_again(chromium: SharedChromium, url: str) -> None:
    with chromium.context() as browser:
        browser.quit()
    with chromium.context() as browser:
        browser.get(url)
        assert browser.title == "keeps"


def _complaints(browser: Any) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser") if "a complaint" in entry["message"]]


def test_a_click_reaches_a_button_that_moves_away_under_the_pointer(browser: webdriver.Chrome, url: str) -> None:
    browser.get(f"{url}/moving")
    browser.find_element(By.ID, "press").click()
    assert browser.execute_script("return clicks") == 0

    browser.get(f"{url}/moving")
    click(browser, browser.find_element(By.ID, "press"))
    assert browser.execute_script("return clicks") == 1
