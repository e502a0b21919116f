"""Fixtures for the tests of training."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trainer.spark_classes import archived_classes

#: Spark runs for seconds only, and full JIT compilation took half of that time.
_QUICK_START = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
#: Spark's launcher has other classes: without this it warns that the archive does not fit.
_NO_WARNINGS = "-Xlog:cds=off -Xlog:cds+dynamic=off"


@pytest.fixture(scope="session")
def spark_classes(pytestconfig: pytest.Config) -> Path | None:
    """The archive of Spark's classes; None if this JVM cannot make one."""
    return archived_classes(pytestconfig.cache.mkdir("spark"), _QUICK_START)


@pytest.fixture(scope="module")
def java(java: str, spark_classes: Path | None) -> Iterator[str]:
    """Java, configured for short programs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JDK_JAVA_OPTIONS", _QUICK_START, prepend=" ")
        if spark_classes is not None:
            patch.setenv("JDK_JAVA_OPTIONS", f"-XX:SharedArchiveFile={spark_classes} {_NO_WARNINGS}", prepend=" ")
        yield java
