"""A standalone Spark master with its workers, on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from types import TracebackType
from typing import Self

import pyspark

from deploy.lifeline import Lifeline
from deploy.ports import free_port

LOOPBACK = "127.0.0.1"
#: How long a cluster may take to be ready, s.
READY_SECONDS = 90.0
_REGISTERED = "Registering worker"
#: How many of its last lines an error quotes if a process ends.
_LAST_LINES = 5


class StandaloneError(RuntimeError):
    """The cluster did not start; the message names its log file."""


@dataclass(frozen=True)
class _Ended:
    """A process that ended, and the last lines of its output."""

    last_lines: str


class StandaloneCluster:
    """A standalone Spark cluster; no process outlives the one that started it.

    Parameters
    ----------
    folder : Path
        Folder for logs and the executors' files.
    workers : int
        Number of workers.
    cores : int
        Number of one-core executors that each worker may start.
    memory : str
        Memory of each worker, such as ``4g``.
    ready_seconds : float
        How long the cluster may take to start, s.
    """

    def __init__(
        self,
        folder: Path,
        *,
        workers: int = 2,
        cores: int = 1,
        memory: str = "4g",
        ready_seconds: float = READY_SECONDS,
    ) -> None:
        self._folder = folder.resolve()
        self._workers = workers
        self._cores = cores
        self._memory = memory
        self._ready_seconds = ready_seconds
        self._port = free_port()
        self._lifeline: Lifeline | None = None
        self._running: list[tuple[subprocess.Popen[str], Thread]] = []
        self._starting = True
        self._lines: SimpleQueue[str | _Ended] = SimpleQueue()

    @property
    def url(self) -> str:
        """The value for ``--master``."""
        return f"spark://{LOOPBACK}:{self._port}"

    def __enter__(self) -> Self:
        """Start all processes, and return when every worker is registered.

        Raises
        ------
        StandaloneError
            If that takes longer than `ready_seconds`, or a process ends.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lifeline = Lifeline()
        deadline = monotonic() + self._ready_seconds
        try:
            self._start("master.Master", "--host", LOOPBACK, "--port", self._port, "--webui-port", 0)
            self._await("I have been elected leader", 1, deadline)
            for number in range(self._workers):
                size = ("--cores", self._cores, "--memory", self._memory)
                place = ("--host", LOOPBACK, "--webui-port", 0, "--work-dir", self._folder / f"worker-{number}")
                self._start("worker.Worker", *place, *size, self.url)
            self._await(_REGISTERED, self._workers, deadline)
            self._starting = False
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill all processes."""
        del kind, error, trace
        self._end()

    def _end(self) -> None:
        assert self._lifeline is not None
        self._lifeline.cut()
        for process, reader in self._running:
            process.wait()
            reader.join()  # it reads to the end of the output
        self._running.clear()

    def _start(self, program: str, *arguments: object) -> None:
        assert self._lifeline is not None
        home = Path(pyspark.__file__).parent
        process = subprocess.Popen(
            [f"{home}/bin/spark-class", f"org.apache.spark.deploy.{program}", *map(str, arguments)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            process_group=self._lifeline.group,
            env={**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": LOOPBACK, "PYSPARK_PYTHON": sys.executable},
        )
        reader = Thread(target=self._read, args=(process,), daemon=True)
        reader.start()
        self._running.append((process, reader))

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        last: deque[str] = deque(maxlen=_LAST_LINES)
        with (self._folder / "spark.log").open("a") as log, process.stderr as lines:
            for line in lines:
                log.write(line)
                log.flush()
                last.append(line)
                if self._starting:
                    self._lines.put(line)
        self._lines.put(_Ended("".join(last).strip()))

    def _await(self, text: str, times: int, deadline: float) -> None:
        log = self._folder / "spark.log"
        seen = 0
        while seen < times:
            line = self._next_line(deadline)
            if line is None:
                raise StandaloneError(f"Spark did not log {text!r} within {self._ready_seconds:g} s; its log is {log}")
            if isinstance(line, _Ended):
                last = line.last_lines or "no output"
                raise StandaloneError(f"a Spark process ended before the cluster was ready: {last}; its log is {log}")
            seen += text in line

    def _next_line(self, deadline: float) -> str | _Ended | None:
        left = deadline - monotonic()
        try:
            return self._lines.get(timeout=left) if left > 0 else None
        except Empty:
            return None
