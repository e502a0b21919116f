"""Spark starts with the requested executors, or reports how many registered."""

import signal

import pytest

from trainer.distributed.spark_session import SparkUnavailableError, spark_session

# Py4J leaves the sockets of a stopped session to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore:subprocess:ResourceWarning")


@pytest.mark.long
def test_missing_executors_are_an_error_after_a_time_limit(java: str) -> None:
    assert java
    message = (
        r"[01] of 2 executors registered within 12 s: does local-cluster\S+ have a free worker with one core and 1 GB"
    )
    # A cluster with one worker, where two executors are requested.
    session = spark_session("tests", "local-cluster[1,1,1024]", 2, start_seconds=12.0)
    with pytest.raises(SparkUnavailableError, match=message), session:
        pass
    with spark_session("tests", "local[1]", 2, start_seconds=1.0) as spark:  # tasks run in the driver
        assert spark.range(3).count() == 3


def test_the_handler_of_sigint_stays_the_same(java: str) -> None:
    assert java

    def handler(number: int, frame: object) -> None:
        del number, frame

    usual = signal.signal(signal.SIGINT, handler)
    try:
        with spark_session("tests", "local[1]", 1):
            assert signal.getsignal(signal.SIGINT) is handler
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, usual)
