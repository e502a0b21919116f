"""A Spark cluster that does not start is told soon, with the reason."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from deploy.spark.standalone import StandaloneCluster, StandaloneError


@pytest.fixture
def java_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a script in Java's place."""

    def put(script: str) -> None:
        program = tmp_path / "java" / "bin" / "java"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("JAVA_HOME", str(tmp_path / "java"))

    return put


def rejection(cluster: StandaloneCluster) -> tuple[str, float]:
    """What a cluster says that does not start, and after how long, s."""
    began = monotonic()
    with pytest.raises(StandaloneError) as rejected, cluster:
        pass
    return str(rejected.value), monotonic() - began


def test_a_process_that_ended_is_told_at_once_with_what_it_said(
    java_that: Callable[[str], None], tmp_path: Path
) -> None:
    java_that("echo 'There is insufficient memory' >&2; exit 1")
    said, seconds = rejection(StandaloneCluster(tmp_path / "spark", ready_seconds=60.0))
    assert "ended before all were ready: There is insufficient memory\n" in said
    assert f"its log is {tmp_path / 'spark' / 'spark.log'}" in said
    assert seconds < 30


def test_a_process_that_only_talks_is_not_waited_for_longer(java_that: Callable[[str], None], tmp_path: Path) -> None:
    java_that("for line in $(seq 100); do echo still trying >&2; sleep 0.2; done")
    said, seconds = rejection(StandaloneCluster(tmp_path / "spark", ready_seconds=2.0))
    assert "no 'I have been elected leader' from Spark in 2 s" in said
    assert seconds < 15
