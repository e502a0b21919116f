"""Fixtures for the tests of training."""

import os
from collections.abc import Iterator

import pytest

#: Spark runs for seconds only, and full JIT compilation took half of that time.
_QUICK_START = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@pytest.fixture(scope="module")
def java(java: str) -> Iterator[str]:
    """Java, configured for short programs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JDK_JAVA_OPTIONS", f"{os.environ.get('JDK_JAVA_OPTIONS', '')} {_QUICK_START}".strip())
        yield java
