"""A Spark cluster that does not start fails soon, with the reason."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from deploy.spark.standalone import StandaloneCluster, StandaloneError


@pytest.fixture
def java_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Replaces Java with a script."""

    def put(script: str) -> None:
        program = tmp_path / "java" / "bin" / "java"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("JAVA_HOME", str(tmp_path / "java"))

    return put


def rejection(cluster: StandaloneCluster) -> tuple[str, float]:
    """Return the error of a cluster that does not start, and the time until it was raised, s."""
    began = monotonic()
    with pytest.raises(StandaloneError) as rejected, cluster:
        pass
    return str(rejected.value), monotonic() - began


def test_a_process_that_ended_is_reported_at_once_with_its_output(
    java_that: Callable[[str], None], tmp_path: Path
) -> None:
    java_that("echo 'There is insufficient memory' >&2; exit 1")
    message, seconds = rejection(StandaloneCluster(tmp_path / "spark", ready_seconds=60.0))
    assert "ended before the cluster was ready: There is insufficient memory\n" in message
    assert f"its log is {tmp_path / 'spark' / 'spark.log'}" in message
    assert seconds < 30


def test_a_process_that_only_logs_does_not_extend_the_time_limit(
    java_that: Callable[[str], None], tmp_path: Path
) -> None:
    java_that("for line in $(seq 100); do echo still trying >&2; sleep 0.2; done")
    message, seconds = rejection(StandaloneCluster(tmp_path / "spark", ready_seconds=2.0))
    assert "Spark did not log 'I have been elected leader' within 2 s" in message
    assert seconds < 15
