"""A phone whose page pulls from a made store, as the gateway serves it to the page."""

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
#: So that a store that does not come on is given up in the time of a test.
HASTY = {"deadlineMs": 20_000, "graceMs": 1_000, "leastBytesPerSecond": 2_000, "silenceMs": 3_000}
_PULLING = """
const metadata = await import('/phone/releases/release-client.js');
const { openCurrentRelease } = await import('/phone/classification/current-release.js');
const options = { baseUrl: './store/', storage, ...args[0] };
"""


@dataclass
class Phone:
    """A page that pulls from a store, and what is between the two."""

    store: MadeStore
    server: ServedStore
    page: Modules

    def run(self, body: str, *arguments: Any, device: str = DEVICE, now: float | None = None) -> Any:
        """Run an asynchronous function's body with `metadata`, `options`, `storage` and `openCurrentRelease`.

        `now` is in seconds from now.
        """
        options: dict[str, Any] = {"device": device, "patience": HASTY}
        if now is not None:
            options["now"] = self.page.run("return Date.now()") + 1_000 * now
        return self.page.run(self.page.STORAGE + _PULLING + body, options, *arguments)

    def pull(self, **options: Any) -> str:
        """Pull, load, check and keep, as the page does; return the release's name."""
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
        """Return what runs without the store, loaded and checked."""
        name: str | None = self.run(
            """
            const { Classifier } = await import('/phone/classification/classifier.js');
            const release = await metadata.lastGoodRelease(storage);
            if (release === null) return null;
            await (await Classifier.open(release)).close();
            return release.name;
            """
        )
        return name


def phone_in_browser(browser: webdriver.Chrome, store: MadeStore) -> AbstractContextManager[Phone]:
    """Open a page that knows nothing yet; it is served the store's first root."""
    return _phone_of(store, partial(modules_in_browser, browser))


def phone_in_node(node: Node, store: MadeStore) -> AbstractContextManager[Phone]:
    """Do the same in Node."""
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
