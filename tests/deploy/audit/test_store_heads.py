"""An audit takes the personal heads from the store, verified."""

from pathlib import Path

import pytest

from deploy.audit.store_heads import heads_of_store
from har.release_documents import ReleaseError
from tests.model_store.made_store import MadeStore
from tests.model_store.personal_store import publish_to
from tests.model_store.served_store import served


def test_the_heads_of_all_devices_are_fetched_and_verified(tmp_path):
    store = MadeStore.make(tmp_path)
    store.publish("one")
    heads = [publish_to(store, "phone-1"), publish_to(store, "phone-1"), publish_to(store, "phone-2")]
    root = tmp_path / "root.json"
    root.write_bytes(store.root)
    with served(Path(store.storage.url)) as server:
        assert heads_of_store(server.url, root) == {"phone-1": heads[:2], "phone-2": heads[2:]}
        server.change = lambda name, content: (
            content.replace(b"phone-2", b"phone-3") if "personal-" in name else content
        )
        with pytest.raises(ReleaseError):
            heads_of_store(server.url, root)
