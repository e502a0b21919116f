"""A phone whose page pulls releases from a test store."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from selenium import webdriver

from tests.ingest.phone_page.page_modules import Answer, Modules, Node, modules_in_browser, modules_in_node
from tests.model_store.made_store import MadeStore
from tests.model_store.served_store import ServedStore

DEVICE = "phone-1"
#: Shorter limits than the page's, so that a stalled store fails within the time of a test.
HASTY = {"deadlineMs": 20_000, "graceMs": 1_000, "leastBytesPerSecond": 2_000, "silenceMs": 3_000}
#: Limits that even a busy machine keeps, for tests whose store does not stall.
PATIENT = {"deadlineMs": 300_000, "graceMs": 60_000, "leastBytesPerSecond": 1, "silenceMs": 60_000}
_PULLING = """
const metadata = await import('/phone/releases/release-client.js');
const { openCurrentRelease } = await import('/phone/classification/current-release.js');
const options = { baseUrl: './store/', storage, ...args[0] };
"""


@dataclass
class Phone:
    """A page that pulls from a store, and the HTTP server between them."""

    store: MadeStore
    server: ServedStore
    page: Modules

    def run(
        self,
        body: str,
        *arguments: Any,
        device: str = DEVICE,
        now: float | None = None,
        patience: dict[str, int] = PATIENT,
    ) -> Any:
        """Run the body of an asynchronous function with `metadata`, `options`, `storage` and `openCurrentRelease`.

        `now` is the page's time for expiry, in seconds from now.
        """
        options: dict[str, Any] = {"device": device, "patience": patience}
        if now is not None:
            options["now"] = self.page.run("return Date.now()") + 1_000 * now
        return self.page.run(self.page.STORAGE + _PULLING + body, options, *arguments)

    def pull(self, **options: Any) -> str:
        """Pull, load, check and store a release, as the page does; return its name."""
        return str(
            self.run(
                """
                const { Classifier } = await import('/phone/classification/classifier.js');
                const release = await metadata.pullRelease(options);
                await (await Classifier.open(release)).close();
                await metadata.keepRelease(storage, release);
                return release.name;
                """,
                **options,
            )
        )

    def good(self) -> str | None:
        """Load and check the last good release; return its name, or None if none is stored."""
        name: str | None = self.run(
            """
            const { Classifier } = await import('/phone/classification/classifier.js');
            const release = await metadata.lastGoodRelease(storage, options.device);
            if (release === null) return null;
            await (await Classifier.open(release)).close();
            return release.name;
            """
        )
        return name


def phone_in_browser(browser: webdriver.Chrome, store: MadeStore) -> AbstractContextManager[Phone]:
    """Open a page with an empty storage in a browser. It is served the store's first root."""
    return _phone_of(store, partial(modules_in_browser, browser))


def phone_in_node(node: Node, store: MadeStore) -> AbstractContextManager[Phone]:
    """Open a page with an empty storage in Node. It is served the store's first root."""
    return _phone_of(store, partial(modules_in_node, node))


@contextmanager
def _phone_of(store: MadeStore, opened: Callable[[Answer], AbstractContextManager[Modules]]) -> Iterator[Phone]:
    folder = Path(store.storage.url)
    (folder / "trusted_root.json").write_bytes(store.root)
    server = ServedStore(folder)
    with opened(server.answer) as page:
        try:
            yield Phone(store, server, page)
        finally:
            server.stopped.set()
