"""Measure the processor time of a distributed training by process: driver, Spark's JVMs, workers, parameter server."""

import threading
from collections import defaultdict
from collections.abc import Mapping

import psutil


class ProcessorWatch(threading.Thread):
    """Sums the processor time of this process and its descendants, from the thread's start to `end`."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._ended = threading.Event()
        self._first: dict[int, float] = {}
        self._last: dict[int, float] = {}
        self._parts: dict[int, str] = {}

    def run(self) -> None:
        while not self._ended.wait(0.5):
            self._look()

    def end(self) -> None:
        self._ended.set()
        self.join()
        self._look()

    def by_part(self, names: Mapping[int, str]) -> dict[str, float]:
        """Return the processor time of each part since the first sample, s.

        Parameters
        ----------
        names
            Names of the training processes by process ID, such as ``worker-0``.
        """
        sums: dict[str, float] = defaultdict(float)
        for pid, seconds in self._last.items():
            part = names.get(pid, self._parts[pid])
            sums[part.partition("-")[0]] += seconds - self._first[pid]
        return dict(sums)

    def _look(self) -> None:
        mine = psutil.Process()
        for process in (mine, *mine.children(recursive=True)):
            try:
                times = process.cpu_times()
                is_java = "java" in process.name()
            except psutil.Error:
                continue  # it has ended
            seconds = times.user + times.system
            self._first.setdefault(process.pid, seconds)
            self._last[process.pid] = seconds
            self._parts[process.pid] = "driver" if process.pid == mine.pid else "JVM" if is_java else "other Python"
