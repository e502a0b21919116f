"""A client of a served store, as its consumers use it."""

from dataclasses import dataclass
from pathlib import Path

from model_store.client.fetching import BoundedFetcher, Patience
from model_store.client.last_good import ClientFolder
from model_store.client.release_client import Pulled, ReleaseClient
from model_store.onnx_classifier import OnnxClassifier
from tests.model_store.made_store import MadeStore
from tests.model_store.served_store import ServedStore

#: So that a store that does not answer is given up in the time of a test.
HASTY = Patience(deadline_seconds=30, grace_seconds=1, silence_seconds=3, fruitless_attempts=3, pause_seconds=0.01)


@dataclass
class Client:
    """A client of a served store."""

    store: MadeStore
    server: ServedStore
    folder: Path

    def client(self, patience: Patience = HASTY) -> ReleaseClient:
        """Return a client as after a restart: with what is on the disk."""
        return ReleaseClient(
            self.server.url, self.store.root, ClientFolder(self.folder), ("onnx",), BoundedFetcher(patience)
        )

    def pull(self) -> dict[str, str]:
        """Pull, use and keep, as a consumer does; return the release of each channel."""
        client = self.client()
        pulled = client.pull()
        for each in pulled.values():
            OnnxClassifier(each.release)
        client.folder.keep([each.pointer for each in pulled.values()])
        return releases_of(pulled)

    def good(self) -> dict[str, str]:
        """Return what runs after a restart without the store, loaded and checked."""
        found = self.client().last_good()
        return {channel: OnnxClassifier(each.release).manifest.release for channel, each in found.items()}


def releases_of(pulled: Pulled) -> dict[str, str]:
    return {channel: each.release.manifest.release for channel, each in pulled.items()}
