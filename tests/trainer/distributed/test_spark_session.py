"""Spark starts with all executors that were asked for, or says that they did not come."""

import signal

import pytest

from trainer.distributed.spark_session import SparkUnavailableError, spark_session

# Py4J leaves the sockets of a stopped session to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore:subprocess:ResourceWarning")


def test_executors_that_never_come_are_an_error_and_not_a_wait_for_ever(java: str) -> None:
    assert java
    message = r"[01] of 2 executors came within 12 s: is there a free worker with one core and 1 GB each at local"
    # A cluster with one worker, of which two executors are asked.
    asked = spark_session("tests", "local-cluster[1,1,1024]", 2, start_seconds=12.0)
    with pytest.raises(SparkUnavailableError, match=message), asked:
        pass
    with spark_session("tests", "local[1]", 2, start_seconds=1.0) as spark:  # its tasks run in the driver
        assert spark.range(3).count() == 3


def test_who_handled_an_interrupt_before_spark_handles_it_with_spark_and_after(java: str) -> None:
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
