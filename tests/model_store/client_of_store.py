"""A client of a served store."""

from dataclasses import dataclass
from pathlib import Path

from model_store.client.fetching import BoundedFetcher, Patience
from model_store.client.last_good import ClientFolder
from model_store.client.release_client import Pulled, ReleaseClient
from model_store.onnx_classifier import OnnxClassifier
from tests.model_store.made_store import MadeStore
from tests.model_store.served_store import ServedStore

#: Short time limits, so that a test with an unreachable store ends soon.
HASTY = Patience(deadline_seconds=30, grace_seconds=1, silence_seconds=3, fruitless_attempts=3, pause_seconds=0.01)


@dataclass
class Client:
    """A client of a served store."""

    store: MadeStore
    server: ServedStore
    folder: Path

    def client(self, patience: Patience = HASTY) -> ReleaseClient:
        """Return a new client on the same folder, as after a restart."""
        return ReleaseClient(
            self.server.url, self.store.root, ClientFolder(self.folder), ("onnx",), BoundedFetcher(patience)
        )

    def pull(self) -> dict[str, str]:
        """Pull, load and keep; return the release of each channel."""
        client = self.client()
        pulled = client.pull()
        for each in pulled.values():
            OnnxClassifier(each.release)
        client.folder.keep([each.pointer for each in pulled.values()])
        return releases_of(pulled)

    def good(self) -> dict[str, str]:
        """Return the last good release of each channel, loaded and checked without the store."""
        found = self.client().last_good()
        return {channel: OnnxClassifier(each.release).manifest.release for channel, each in found.items()}


def releases_of(pulled: Pulled) -> dict[str, str]:
    return {channel: each.release.manifest.release for channel, each in pulled.items()}
