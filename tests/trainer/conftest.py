"""Fixtures for the tests of training."""

import os
from collections.abc import Iterator

import pytest

#: Spark's programs live for seconds here: compiling their code as for days took half of their time.
_QUICK_START = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@pytest.fixture(scope="module")
def java(java: str) -> Iterator[str]:
    """Java, for programs that do not live long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JDK_JAVA_OPTIONS", f"{os.environ.get('JDK_JAVA_OPTIONS', '')} {_QUICK_START}".strip())
        yield java
