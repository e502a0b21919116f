"""One headless Chromium for all tests of a worker, and a browser context for each test.

A context is like a private window: it has its own storage, service workers, caches, permissions and emulation, which
end with it. A start of Chromium costs more than most tests do.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import UnexpectedAlertPresentException, WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait
from urllib3.exceptions import HTTPError

WIDTH, HEIGHT = 1440, 900
CLICK_SECONDS = 20
#: Parts of Chromium's own window that are not needed here; each is a page with a process.
_UNSEEN = (
    "DialMediaRouteProvider",
    "InitialWebUI",
    "MediaRouter",
    "OptimizationHints",
    "PreloadTopChromeWebUI",
    "SpareRendererForSitePerProcess",
    "Translate",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "WebUIOmniboxPopup",
    "WebUIToolbar",
)
#: Compile WebAssembly only once and fast: a page lives for seconds, and the results are the same.
_COMPILING = "--js-flags=--liftoff-only"
_ARGUMENTS = (
    _COMPILING,
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    f"--disable-features={','.join(_UNSEEN)}",
    f"--window-size={WIDTH},{HEIGHT}",
)
_AIM = """
const [element] = arguments;
window.removeEventListener('click', window.clickGuard, true);
window.clickWasMissed = true;
window.clickGuard = (event) => {
  const path = event.composedPath();
  window.clickWasMissed = ![element, ...(element.labels ?? [])].some((part) => path.includes(part));
  if (!window.clickWasMissed) return;
  event.stopImmediatePropagation();
  event.preventDefault();
};
window.addEventListener('click', window.clickGuard, { capture: true, once: true });
element.scrollIntoView({ block: 'center' });
"""
#: Errors of a browser or a driver that has ended.
_GONE = (WebDriverException, HTTPError, OSError)


class SharedChromium:
    """A Chromium that starts when the first test needs it, and again if a test has ended it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._starts = 0
        self._driver: webdriver.Chrome | None = None
        self._first_window = ""

    @contextmanager
    def context(self) -> Iterator[webdriver.Chrome]:
        """Yield the browser with the only window of a new context, which is removed at the end."""
        driver = self.start()
        context = driver.browser.create_user_context()
        try:
            driver.switch_to.window(driver.browsing_context.create(type="window", user_context=context))
            driver.get_log("browser")  # type: ignore[no-untyped-call]
            yield driver
        finally:
            self._remove(driver, context)

    def start(self) -> webdriver.Chrome:
        """Return the browser; start it if necessary."""
        if self._driver is not None and not _answers(self._driver):
            self.quit()
        if self._driver is None:
            self._starts += 1
            self._driver = _start(self._folder / f"profile-{self._starts}")
            self._first_window = self._driver.current_window_handle
            self._driver.browser.get_user_contexts()  # type: ignore[no-untyped-call]  # connects; its thread lives as long as the browser
        return self._driver

    def quit(self) -> None:
        """End Chromium."""
        if self._driver is not None:
            self._driver.quit()
        self._driver = None

    def _remove(self, driver: webdriver.Chrome, context: str) -> None:
        try:
            driver.switch_to.window(self._first_window)
            driver.browser.remove_user_context(context)
            driver.get_log("browser")  # type: ignore[no-untyped-call] # the next test must not see this one's faults
        except _GONE:
            self.quit()


def click(driver: webdriver.Chrome, element: WebElement) -> None:
    """Click an element until it receives the click: a page may move between aiming and clicking.

    Other elements do not receive a missed click.
    """

    def is_received(_: object) -> bool:
        driver.execute_script(_AIM, element)
        element.click()
        try:
            return bool(driver.execute_script("return window.clickWasMissed !== true"))  # unknown to another page
        except UnexpectedAlertPresentException:
            return True  # the click opened a dialog

    WebDriverWait(driver, CLICK_SECONDS).until(is_received)


def _answers(driver: webdriver.Chrome) -> bool:
    try:
        return bool(driver.window_handles)
    except _GONE:
        return False


def _start(profile: Path) -> webdriver.Chrome:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("chromium and chromedriver are not on the PATH")
    options = Options()
    options.binary_location = chromium
    for argument in (*_ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.enable_bidi = True
    options.unhandled_prompt_behavior = "ignore"  # tests answer the prompts of a page
    return webdriver.Chrome(options=options, service=Service(driver))
