"""Fixtures of the store's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.model_store.client_of_store import Client
from tests.model_store.made_store import MadeStore
from tests.model_store.served_store import served


@pytest.fixture
def store(tmp_path: Path) -> MadeStore:
    """A store without releases."""
    return MadeStore.make(tmp_path)


@pytest.fixture
def client(store: MadeStore, tmp_path: Path) -> Iterator[Client]:
    """A client of that store, over HTTP."""
    with served(Path(store.storage.url)) as server:
        yield Client(store, server, tmp_path / "client")
