"""Start a Spark session with the configuration that TensorFlowOnSpark needs."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, current_thread, main_thread
from time import monotonic

from pyspark.sql import SparkSession

from trainer.spark_master import EXECUTOR_MB, fault_of_master

LOOPBACK = "127.0.0.1"
#: Time limit for executors to register, s.
START_SECONDS = 90.0
#: Interval of checks for executors, s.
_POLL_SECONDS = 0.2
#: What Spark says after no master has accepted the application.
_STOPPED = "Cannot call methods on a stopped SparkContext"
#: Most characters of Spark's own reason.
_REASON_CHARACTERS = 300


class SparkUnavailableError(RuntimeError):
    """Spark cannot be started; the message states what is missing."""


def local_cluster(executors: int) -> str:
    """Return the master URL of a Spark cluster on this machine, with one process and one core per executor.

    Examples
    --------
    >>> local_cluster(2)
    'local-cluster[2,1,1024]'
    """
    return f"local-cluster[{executors},1,{EXECUTOR_MB}]"


@contextmanager
def spark_session(
    name: str, master: str, executors: int, *, start_seconds: float = START_SECONDS
) -> Iterator[SparkSession]:
    """Start Spark, wait for its executors, and stop it at the end of the block; keep the handler of SIGINT.

    Parameters
    ----------
    name : str
        Name of the application in Spark's pages.
    master : str
        URL of the master, such as ``spark://host:7077`` or from `local_cluster`.
    executors : int
        Number of executors, with one core each.
    start_seconds : float
        Time limit for executors to register, s. Spark itself waits forever for a free worker, without a message.

    Raises
    ------
    SparkUnavailableError
        If Java is missing, no master answers, Spark does not start, or not all executors register in time.
    """
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        raise SparkUnavailableError("Spark needs Java 17 (Debian: apt install openjdk-17-jre-headless)")
    if fault := fault_of_master(master):
        raise SparkUnavailableError(f"no Spark master answers: {fault}. Start it, or correct --master")
    _prepare_environment(master)
    builder = (
        SparkSession.builder.appName(name)
        .master(master)
        .config("spark.executor.instances", executors)
        .config("spark.executor.cores", 1)
        .config("spark.task.cpus", 1)
        .config("spark.cores.max", executors)
        .config("spark.executor.memory", f"{EXECUTOR_MB}m")
        # TensorFlowOnSpark requires one Python process per executor, and no restart of a failed node, which the
        # cluster would not know.
        .config("spark.python.worker.reuse", "true")
        .config("spark.task.maxFailures", 1)
        .config("spark.dynamicAllocation.enabled", "false")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.log.level", "ERROR")
    )
    if _is_on_this_machine(master):
        builder = builder.config("spark.driver.host", LOOPBACK).config("spark.driver.bindAddress", LOOPBACK)
    try:
        with _same_interrupts():
            session = builder.getOrCreate()
    except Exception as error:  # Py4J and Java raise many exception classes
        raise SparkUnavailableError(f"Spark did not start with master {master}: {_reason(error)}") from error
    try:
        _await_executors(session, master, executors, start_seconds)
        yield session
    finally:
        session.stop()


def _reason(error: Exception) -> str:
    """Return the reason of an error of Py4J in one line, without Java's stack trace."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if any(_STOPPED in line for line in lines):
        return "it did not take the application within a minute: is it the active master, with this version of Spark?"
    causes = [line for line in lines if line.startswith((": ", "Caused by: "))]
    return (causes or lines or [type(error).__name__])[-1].removeprefix(": ")[:_REASON_CHARACTERS]


@contextmanager
def _same_interrupts() -> Iterator[None]:
    """Restore the handler of SIGINT, which PySpark replaces for the rest of the process."""
    if current_thread() is not main_thread():  # only the main thread can set handlers
        yield
        return
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if handler is not None:  # None: the handler was not set from Python and cannot be restored
            signal.signal(signal.SIGINT, handler)


def _await_executors(session: SparkSession, master: str, executors: int, seconds: float) -> None:
    if master.startswith("local") and not master.startswith("local-cluster"):
        return  # tasks run in the driver
    deadline = monotonic() + seconds
    pause = Event()
    while (registered := _registered(session)) < executors:
        if monotonic() > deadline:
            raise SparkUnavailableError(
                f"{registered} of {executors} executors registered within {seconds:g} s: does {master} have a free "
                f"worker with one core and {EXECUTOR_MB // 1024} GB for each?"
            )
        pause.wait(_POLL_SECONDS)


def _registered(session: SparkSession) -> int:
    context = session.sparkContext._jsc.sc()  # PySpark's interface does not provide the number
    return int(context.getExecutorMemoryStatus().size()) - 1  # without the driver


def _is_on_this_machine(master: str) -> bool:
    return master.startswith("local") or master.startswith((f"spark://{LOOPBACK}:", "spark://localhost:"))


def _prepare_environment(master: str) -> None:
    # Executors must run this Python, which has the project installed, not the system's.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    java_options = "--conf spark.log.level=ERROR pyspark-shell"
    os.environ.setdefault("PYSPARK_SUBMIT_ARGS", java_options)
    if _is_on_this_machine(master):
        # By default, TensorFlowOnSpark and Spark use the address of the first network interface.
        os.environ.setdefault("SPARK_LOCAL_IP", LOOPBACK)
        os.environ.setdefault("TFOS_SERVER_HOST", LOOPBACK)
