"""Fixtures of the phone page: Node, a test gateway and a phone in a browser."""

from collections.abc import Iterator
from typing import Any

import pytest
from selenium import webdriver

from tests.ingest.phone_page.page_gateway import PageGateway
from tests.ingest.phone_page.page_modules import Node, NodeModules
from tests.ingest.phone_page.phone_in_browser import PhoneInBrowser


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A Node process with the page's modules, for the whole session."""
    with Node(tmp_path_factory.mktemp("node")) as running:
        yield running


@pytest.fixture
def modules(node: Node) -> NodeModules:
    """The page's modules, in Node."""
    return NodeModules(node)


@pytest.fixture
def page_gateway() -> Iterator[PageGateway]:
    """A test gateway that requires enrolment; a test may change that before it opens the page."""
    with PageGateway() as gateway:
        yield gateway


@pytest.fixture
def phone(browser: webdriver.Chrome, page_gateway: PageGateway) -> Any:
    """A phone whose page is not open yet. It has no service workers until a test allows them."""
    yield PhoneInBrowser(browser, page_gateway, has_service_workers=False)
    browser.get("about:blank")  # its connections end before the gateway does
