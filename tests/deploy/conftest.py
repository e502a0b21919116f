"""Fixture: the wheel."""

from pathlib import Path

import pytest

from tests.deploy.wheels import build_wheel


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built once. The tests that use it are marked `wheels.on_the_wheel`."""
    return build_wheel(tmp_path_factory.mktemp("source"))
