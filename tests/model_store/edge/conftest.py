"""Fixtures for the tests of the edge client."""

from collections.abc import Callable

import pytest

from model_store.client.fetching import BoundedFetcher
from model_store.client.last_good import ClientFolder
from model_store.client.release_client import ReleaseClient
from model_store.edge.updates import ReleaseUpdater
from tests.model_store.client_of_store import HASTY, Client


@pytest.fixture
def updater_of(client: Client) -> Callable[..., ReleaseUpdater]:
    """Makes the updater of a device, as after a start of its program."""

    def make(device: str = "phone", *, form: str = "litert-int8", **options) -> ReleaseUpdater:
        pulling = ReleaseClient(
            client.server.url, client.store.root, ClientFolder(client.folder), (form,), BoundedFetcher(HASTY)
        )
        return ReleaseUpdater(pulling, device, form, **{"interval_seconds": 0.2} | options)

    return make
