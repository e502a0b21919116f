"""Fixtures for the tests of training."""

import os
from collections.abc import Iterator

import pytest

from tests.trainer.spark_classes import archived_classes

#: Spark runs for seconds only, and full JIT compilation took half of that time.
_QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
#: Spark's launcher has other classes: without this it warns that the archive does not fit.
_NO_WARNINGS = ("-Xlog:cds=off", "-Xlog:cds+dynamic=off")


@pytest.fixture(scope="module")
def java(java: str, pytestconfig: pytest.Config) -> Iterator[str]:
    """Java, configured for short programs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JDK_JAVA_OPTIONS", " ".join((os.environ.get("JDK_JAVA_OPTIONS", ""), *_QUICK_START)).strip())
        archive = archived_classes(pytestconfig.cache.mkdir("spark"))
        if archive is not None:
            mapped = (os.environ["JDK_JAVA_OPTIONS"], f"-XX:SharedArchiveFile={archive}", *_NO_WARNINGS)
            patch.setenv("JDK_JAVA_OPTIONS", " ".join(mapped))
        yield java
