"""Take the README's screenshot of a running demo's dashboard: `python -m benchmarks.dashboard_picture URL FILE`."""

import shutil
import sys

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--window-size=1440,1010",
)


def main(url: str, file: str) -> None:
    options = Options()
    for argument in ARGUMENTS:
        options.add_argument(argument)
    browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        browser.get(url)
        WebDriverWait(browser, 60).until(lambda page: len(page.find_elements("css selector", ".card canvas")) >= 8)
        browser.save_screenshot(file)
    finally:
        browser.quit()


if __name__ == "__main__":
    main(*sys.argv[1:])
