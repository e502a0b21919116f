"""A Spark session as TensorFlowOnSpark needs it."""

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

LOOPBACK = "127.0.0.1"
#: Memory of an executor's JVM, MB: Python's, where the work is done, comes on top.
EXECUTOR_MB = 1024
#: How long executors may take to come, s.
START_SECONDS = 90.0
_LOOK_SECONDS = 0.2


class SparkUnavailableError(RuntimeError):
    """Spark cannot be started here; the text says what is missing."""


def local_cluster(executors: int) -> str:
    """Return the master URL of a Spark cluster on this machine: each executor a process with one core.

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
    """Start Spark, wait for its executors, and stop it at the end of the block; SIGINT is handled as before.

    Parameters
    ----------
    name : str
        What Spark's pages call the application.
    master : str
        URL of the master, as ``spark://host:7077`` or `local_cluster`'s.
    executors : int
        How many executors, of one core each.
    start_seconds : float
        How long they may take to come, s. Spark itself would wait for ever for a worker to be free, and say nothing.

    Raises
    ------
    SparkUnavailableError
        If there is no Java, Spark does not start, or not all executors come.
    """
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        raise SparkUnavailableError("Spark needs Java 17 (Debian: apt install openjdk-17-jre-headless)")
    _prepare_environment(master)
    builder = (
        SparkSession.builder.appName(name)
        .master(master)
        .config("spark.executor.instances", executors)
        .config("spark.executor.cores", 1)
        .config("spark.task.cpus", 1)
        .config("spark.cores.max", executors)
        .config("spark.executor.memory", f"{EXECUTOR_MB}m")
        # TensorFlowOnSpark's rules: the same Python process serves an executor all along, and a node that failed is
        # not started again beside a cluster that knows nothing of it.
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
    except Exception as error:  # Py4J and Java name dozens of classes for it
        raise SparkUnavailableError(f"Spark did not start with master {master}: {error}") from error
    try:
        _await_executors(session, master, executors, start_seconds)
        yield session
    finally:
        session.stop()


@contextmanager
def _same_interrupts() -> Iterator[None]:
    """Undo what PySpark does to SIGINT: its own handler stays for good, whoever else would end in an orderly way."""
    if current_thread() is not main_thread():  # there PySpark sets none, and nobody may
        yield
        return
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if handler is not None:  # else it is not Python's, and cannot be set from here
            signal.signal(signal.SIGINT, handler)


def _await_executors(session: SparkSession, master: str, executors: int, seconds: float) -> None:
    if master.startswith("local") and not master.startswith("local-cluster"):
        return  # tasks run in the driver
    deadline = monotonic() + seconds
    pause = Event()
    while (came := _registered(session)) < executors:
        if monotonic() > deadline:
            raise SparkUnavailableError(
                f"{came} of {executors} executors came within {seconds:g} s: is there a free worker with one core and "
                f"{EXECUTOR_MB // 1024} GB each at {master}?"
            )
        pause.wait(_LOOK_SECONDS)


def _registered(session: SparkSession) -> int:
    context = session.sparkContext._jsc.sc()  # Python's own interface does not tell
    return int(context.getExecutorMemoryStatus().size()) - 1  # the driver is among them


def _is_on_this_machine(master: str) -> bool:
    return master.startswith("local") or master.startswith((f"spark://{LOOPBACK}:", "spark://localhost:"))


def _prepare_environment(master: str) -> None:
    # Executors must run this Python, with this project installed, and not the system's.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    java_options = "--conf spark.log.level=ERROR pyspark-shell"
    os.environ.setdefault("PYSPARK_SUBMIT_ARGS", java_options)
    if _is_on_this_machine(master):
        # Else TensorFlowOnSpark and Spark take the address of the first network interface.
        os.environ.setdefault("SPARK_LOCAL_IP", LOOPBACK)
        os.environ.setdefault("TFOS_SERVER_HOST", LOOPBACK)
