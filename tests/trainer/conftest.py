"""Fixtures for the tests of training."""

import os
from collections.abc import Iterator

import pytest

from tests.trainer.spark_classes import archived_classes

#: Spark's programs live for seconds here: compiling their code as for days took half of their time.
_QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
#: A program that has other classes, such as Spark's launcher, says that the archive is none of its own.
_NOT_A_WORD = ("-Xlog:cds=off", "-Xlog:cds+dynamic=off")


@pytest.fixture(scope="module")
def java(java: str, pytestconfig: pytest.Config) -> Iterator[str]:
    """Java, for programs that do not live long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JDK_JAVA_OPTIONS", " ".join((os.environ.get("JDK_JAVA_OPTIONS", ""), *_QUICK_START)).strip())
        archive = archived_classes(pytestconfig.cache.mkdir("spark"))
        if archive is not None:
            mapped = (os.environ["JDK_JAVA_OPTIONS"], f"-XX:SharedArchiveFile={archive}", *_NOT_A_WORD)
            patch.setenv("JDK_JAVA_OPTIONS", " ".join(mapped))
        yield java
