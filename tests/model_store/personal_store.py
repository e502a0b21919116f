"""Personal heads in a store for tests."""

import shutil
from dataclasses import replace
from pathlib import Path

from har.personal_head import PersonalHead
from model_store.release_folder import open_release
from model_store.repository.personal_heads import publish_head
from model_store.repository.signed_state import read_state
from model_store.repository.storage import Storage
from tests.har.made_heads import identity_head
from tests.model_store.made_store import MadeStore


def head_of(device: str, release: str = "one", **changes: object) -> PersonalHead:
    """Return a head for a copy of the shipped release, which keeps the network's answers."""
    manifest = open_release("baseline").manifest
    outputs = manifest.outputs
    count = len(outputs)
    fields = {
        "device": device,
        "release": release,
        "outputs": outputs,
        "classes": len(manifest.classes),
        "weights": [[float(row == column) for column in range(count)] for row in range(count + 3)],
        "offsets": [0.0] * count,
    }
    return identity_head(**fields | changes)


def publish_to(
    store: MadeStore, device: str, release: str = "one", *, lead_seconds: int = 0, **changes: object
) -> PersonalHead:
    """Publish a head for a device that takes effect at once, or later. Effective times are whole seconds."""
    return publish_head(store.storage, store.signing, head_of(device, release, **changes), lead_seconds=lead_seconds)


def personal_files(store: MadeStore) -> list[str]:
    """Return the names of the store's files of personal heads, without the hashes."""
    folder = Path(store.storage.url) / "targets" / "channels"
    return sorted(path.name.split(".", 1)[1] for path in folder.iterdir() if ".personal" in path.name)


def channel_targets(store: MadeStore) -> list[str]:
    """Return the paths that the role `channels` has signed."""
    return sorted(read_state(store.storage).channels.signed.targets)


def copied_store(made: MadeStore, folder: Path) -> MadeStore:
    """Return a copy of a store with the same keys. It takes less time than to make and publish."""
    copy = shutil.copytree(made.storage.url, folder / "store")
    return replace(made, storage=Storage(str(copy)), folder=folder)
