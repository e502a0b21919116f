"""Fixtures of the archiver's tests."""

import pytest

from tests.ingest.archive.archived import Archive


@pytest.fixture
def archive(broker, tmp_path):
    """An empty archive for the messages of the broker."""
    return Archive(broker.bootstrap, str(tmp_path / "archive"))
