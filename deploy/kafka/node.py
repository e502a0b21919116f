"""One Kafka process, which can be started, stopped, killed and frozen."""

import signal
import subprocess
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from deploy import standstill
from deploy.kafka.distribution import Distribution
from deploy.lifeline import Lifeline
from deploy.processes import KEPT_LINES, ProcessEndedError

#: How long a process may take to stop, s. Handing over partitions takes well under a second, but a broker that waits
#: for others that are gone does not stop.
STOP_SECONDS = 10.0


@dataclass
class Node:
    """A Kafka process with its files, which outlive it.

    Attributes
    ----------
    name : str
        Its name in messages.
    folder : Path
        Its data, properties and log file.
    """

    name: str
    folder: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def properties_file(self) -> Path:
        """The file of its server properties."""
        return self.folder / "server.properties"

    @property
    def data_folder(self) -> Path:
        """Kafka's log directory."""
        return self.folder / "data"

    @property
    def log_file(self) -> Path:
        """The output of all its starts."""
        return self.folder / "server.log"

    @property
    def is_formatted(self) -> bool:
        """Whether its data folder belongs to a cluster."""
        return (self.data_folder / "meta.properties").exists()

    @property
    def is_running(self) -> bool:
        """Whether its process exists, frozen or not."""
        return self._process is not None and self._process.poll() is None

    def write_properties(self, text: str) -> None:
        """Write its server properties, for the next start."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.properties_file.write_text(text)

    def start(self, kafka: Distribution, lifeline: Lifeline) -> None:
        """Start its process, without waiting until it is ready.

        Raises
        ------
        RuntimeError
            If it runs already.
        """
        if self.is_running:
            raise RuntimeError(f"{self.name} is running already")
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                kafka.server(self.properties_file),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=lifeline.group,
            )

    def require_running(self) -> None:
        """Do nothing if it runs.

        Raises
        ------
        ProcessEndedError
            If it ended by itself; the message quotes the last lines of its log.
        RuntimeError
            If it was never started, or was stopped.
        """
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started, or was stopped")
        if self._process.poll() is not None:
            raise ProcessEndedError(
                "\n  ".join([f"{self.name} ended with status {self._process.returncode}", *self.last_lines()])
            )

    def last_lines(self) -> list[str]:
        """Return the last lines of its log file without Java's stack traces."""
        with self.log_file.open(errors="replace") as log:
            lines = (line.rstrip() for line in log if not line.startswith("\t"))
            return list(deque(lines, KEPT_LINES))

    def wait_for_end(self) -> None:
        """Wait until its process ends, if there is one."""
        process = self._process
        if process is not None:
            process.wait()

    def ask_to_stop(self) -> None:
        """Send SIGTERM; a frozen process is resumed first, since it could not react."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ask it to stop, wait, and kill it after `seconds`."""
        if self._process is None:
            return
        self.ask_to_stop()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """Send SIGKILL and wait."""
        self.signal(signal.SIGKILL)
        self.wait_for_end()
        self._process = None

    def freeze(self) -> None:
        """Freeze the process, if it exists."""
        if self._process is not None:
            standstill.freeze(self._process)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if the process exists."""
        if self._process is not None:
            self._process.send_signal(number)
