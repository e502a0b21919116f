"""The phone page's modules in a real browser, served as the gateway serves them and under its security policy."""

import mimetypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from selenium import webdriver

from tests.http_server import answering

FOLDER = Path(__file__).parents[3] / "ingest" / "phone_page"
VENDOR = {
    "msgpack": FOLDER / "node_modules/@msgpack/msgpack/dist.esm",
    "idb": FOLDER / "node_modules/idb/build",
    "onnxruntime": FOLDER / "node_modules/onnxruntime-web/dist",
}
POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; "
    "worker-src 'self'; connect-src 'self'"
)
#: What is asked for although it need not be there: by the browser itself, and to see whether a newer root follows.
_MAY_BE_MISSING = ("/favicon.ico", ".root.json")
BLANK = b"<!doctype html><title>modules</title>"
_TYPES = {".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm"}
#: Wraps what a test has the page do, so that its result or its error comes back.
_RUN = """
const [done, args] = [arguments[arguments.length - 1], arguments];
const work = async () => { %s };
work().then(
  (value) => done({ value }),
  (error) => done({ error: `${error.name}: ${error.message}`, reason: error.reason ?? error.code ?? null }),
);
"""

Answer = Callable[[BaseHTTPRequestHandler], None]


class RefusedByPage(Exception):  # noqa: N818 - the page's error, as the test sees it
    """What the page threw; `reason` is its reason or code, None for another error."""

    def __init__(self, text: str, reason: str | None) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass
class PageModules:
    """A page on which modules can be imported."""

    browser: webdriver.Chrome
    url: str
    asked: list[str] = field(default_factory=list)

    def run(self, body: str, *arguments: Any) -> Any:
        """Run the body of an asynchronous function, to which `args` is what is given here."""
        self.browser.set_script_timeout(120)
        came = self.browser.execute_async_script(_RUN % body, *arguments)
        if "error" in came:
            raise RefusedByPage(came["error"], came["reason"])
        return came.get("value")

    def open(self) -> None:
        """Load the page anew."""
        self.browser.get(f"{self.url}/phone/")

    def faults(self) -> list[str]:
        """What the console holds against the modules, such as a violation of the security policy."""
        entries = self.browser.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in entries if not _is_expected(entry["message"])]


@contextmanager
def page_modules(browser: webdriver.Chrome, store: Answer | None = None) -> Iterator[PageModules]:
    """Serve the modules, and what is under ``/phone/store/``, and open a page."""
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        if store is not None and handler.path.startswith("/phone/store/"):
            handler.path = handler.path.removeprefix("/phone/store")
            store(handler)
            return
        path = _file(handler.path)
        if path is not None and not path.is_file():
            handler.send_error(404)
            return
        content = BLANK if path is None else path.read_bytes()
        kind = "text/html" if path is None else _TYPES.get(path.suffix) or mimetypes.guess_type(path)[0] or "text/plain"
        handler.send_response(200)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(content))),
            ("Content-Security-Policy", POLICY),
        ):
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    with answering(answer, keep_alive=True) as url:
        page = PageModules(browser, url, asked)
        page.open()
        yield page
        # Its connections end with its threads.
        browser.get("about:blank")


def _is_expected(message: str) -> bool:
    return "404" in message and any(name in message for name in _MAY_BE_MISSING)


def _file(path: str) -> Path | None:
    """Return the file of a path; None for the page itself."""
    name = path.removeprefix("/phone/")
    if not name:
        return None
    if name.startswith("vendor/"):
        _, library, file = name.split("/", 2)
        return VENDOR[library] / file
    return FOLDER / name
