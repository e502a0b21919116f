"""The live page in a browser, read as a user would."""

from collections.abc import Callable
from typing import Any

from selenium.webdriver.support.ui import WebDriverWait

WAIT_SECONDS = 30


def wait_for(browser: Any, condition: Callable[[Any], object]) -> None:
    WebDriverWait(browser, WAIT_SECONDS, poll_frequency=0.1).until(condition)


def open_page(browser: Any, port: int, *, calm: bool = True) -> None:
    """Open the page; a calm one draws its charts only when data arrive, instead of 25 times per second."""
    if calm:
        features = [{"name": "prefers-reduced-motion", "value": "reduce"}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def opened(driver: Any) -> bool:
        driver.get(f"http://localhost:{port}/")
        return driver.title == "Human activity, live"

    WebDriverWait(browser, WAIT_SECONDS, ignored_exceptions=(Exception,)).until(opened)


def connection(browser: Any) -> str:
    return str(browser.execute_script("return document.documentElement.dataset.connection"))


def cards(browser: Any) -> dict[str, dict[str, Any]]:
    """Return the content of each card, by device."""
    script = """
        return [...document.querySelectorAll('.card')].map((card) => [card.dataset.device, {
            activity: card.querySelector('.activity').textContent,
            reason: card.querySelector('.reason').textContent,
            age: card.querySelector('.age').textContent,
            silent: card.classList.contains('silent'),
            charts: card.querySelectorAll('canvas').length,
        }])"""
    return dict(browser.execute_script(script))


def all_do(title: str) -> Callable[[Any], bool]:
    return lambda browser: {card["activity"] for card in cards(browser).values()} == {title}


def console_faults(browser: Any) -> list[str]:
    """Return all errors, warnings and violations of the security policy in the console."""
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
