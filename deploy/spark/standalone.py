"""A standalone Spark master with its workers, on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Self

import pyspark

from deploy.lifeline import Lifeline
from deploy.ports import free_port

LOOPBACK = "127.0.0.1"
READY_SECONDS = 90.0
_REGISTERED = "Registering worker"


class StandaloneError(RuntimeError):
    """The cluster did not start; the text says where its log is."""


class StandaloneCluster:
    """A standalone Spark cluster; no process outlives the one that started it.

    Parameters
    ----------
    folder : Path
        For logs and the executors' files.
    workers : int
        How many workers.
    cores : int
        How many executors of one core each worker may start.
    memory : str
        Memory of each worker, in Java's notation.
    """

    def __init__(self, folder: Path, *, workers: int = 2, cores: int = 1, memory: str = "4g") -> None:
        self._folder = folder.resolve()
        self._workers = workers
        self._cores = cores
        self._memory = memory
        self._port = free_port()
        self._lifeline: Lifeline | None = None
        self._running: list[tuple[subprocess.Popen[str], Thread]] = []
        self._starting = True
        self._lines: SimpleQueue[str] = SimpleQueue()

    @property
    def url(self) -> str:
        """What to give as ``--master``."""
        return f"spark://{LOOPBACK}:{self._port}"

    def __enter__(self) -> Self:
        """Start all, and return when every worker is registered.

        Raises
        ------
        StandaloneError
            If that takes too long.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lifeline = Lifeline()
        try:
            self._start("master.Master", "--host", LOOPBACK, "--port", self._port, "--webui-port", 0)
            self._await("I have been elected leader", 1)
            for number in range(self._workers):
                size = ("--cores", self._cores, "--memory", self._memory)
                place = ("--host", LOOPBACK, "--webui-port", 0, "--work-dir", self._folder / f"worker-{number}")
                self._start("worker.Worker", *place, *size, self.url)
            self._await(_REGISTERED, self._workers)
            self._starting = False
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill all."""
        del kind, error, trace
        self._end()

    def _end(self) -> None:
        assert self._lifeline is not None
        self._lifeline.cut()
        for process, reader in self._running:
            process.wait()
            reader.join()  # it reads to the end, and closes
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
        with (self._folder / "spark.log").open("a") as log, process.stderr as lines:
            for line in lines:
                log.write(line)
                log.flush()
                if self._starting:
                    self._lines.put(line)

    def _await(self, said: str, times: int) -> None:
        seen = 0
        while seen < times:
            try:
                seen += said in self._lines.get(timeout=READY_SECONDS)
            except Empty as error:
                raise StandaloneError(
                    f"no {said!r} from Spark in {READY_SECONDS:g} s; its log is {self._folder / 'spark.log'}"
                ) from error
