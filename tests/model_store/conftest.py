"""Fixtures for the tests of the store."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from model_store.repository.storage import Storage
from tests.model_store.client_of_store import Client
from tests.model_store.made_store import MadeStore
from tests.model_store.served_store import served


@pytest.fixture
def store(tmp_path: Path) -> MadeStore:
    """A store without releases."""
    return MadeStore.make(tmp_path)


@pytest.fixture(scope="session")
def store_with_one(tmp_path_factory: pytest.TempPathFactory) -> MadeStore:
    """A store with the release `one`, to be copied."""
    made = MadeStore.make(tmp_path_factory.mktemp("store-with-one"))
    made.publish("one")
    return made


@pytest.fixture
def client(store: MadeStore, tmp_path: Path) -> Iterator[Client]:
    """A client of that store, over HTTP."""
    with served(Path(store.storage.url)) as server:
        yield Client(store, server, tmp_path / "client")


@pytest.fixture(scope="session")
def s3() -> Iterator[dict[str, object]]:
    """A server of the S3 protocol with the bucket `models`."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options = {"endpoint_url": f"http://{host}:{port}", "key": "test", "secret": "test"}
    Storage("s3://models", **options)._files.mkdir("models")
    yield options
    server.stop()


@pytest.fixture
def s3_store(s3: dict[str, object], tmp_path: Path) -> MadeStore:
    """A store in object storage."""
    return MadeStore.make(tmp_path, Storage(f"s3://models/{tmp_path.name}", **s3))
