"""One Kafka process: started, stopped, killed, frozen."""

import signal
import subprocess
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from deploy import standstill
from deploy.kafka.distribution import Distribution
from deploy.lifeline import Lifeline
from deploy.processes import KEPT_LINES, ProcessEndedError

#: A broker hands its partitions over in well under a second; one that waits for others that are gone does not.
STOP_SECONDS = 10.0


@dataclass
class Node:
    """A Kafka process with its files, which outlive it.

    Attributes
    ----------
    name : str
        What messages call it.
    folder : Path
        Its data, properties and log file.
    """

    name: str
    folder: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def properties_file(self) -> Path:
        """Its server properties."""
        return self.folder / "server.properties"

    @property
    def data_folder(self) -> Path:
        """Its log directory."""
        return self.folder / "data"

    @property
    def log_file(self) -> Path:
        """What it said, over all its starts."""
        return self.folder / "server.log"

    @property
    def is_formatted(self) -> bool:
        """Whether its data folder belongs to a cluster."""
        return (self.data_folder / "meta.properties").exists()

    @property
    def is_running(self) -> bool:
        """Whether its process is there, frozen or not."""
        return self._process is not None and self._process.poll() is None

    def write_properties(self, text: str) -> None:
        """Set its server properties, for the next start."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.properties_file.write_text(text)

    def start(self, kafka: Distribution, lifeline: Lifeline) -> None:
        """Start its process; this does not wait until it is ready.

        Raises
        ------
        RuntimeError
            If it is running.
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
            If it has ended by itself; the text has its last lines.
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
        """Return the end of its log file, without the stacks, of which Java prints one for each cause."""
        with self.log_file.open(errors="replace") as log:
            said = (line.rstrip() for line in log if not line.startswith("\t"))
            return list(deque(said, KEPT_LINES))

    def wait_for_end(self) -> None:
        """Wait until its process ends, if there is one."""
        process = self._process
        if process is not None:
            process.wait()

    def ask_to_stop(self) -> None:
        """Send SIGTERM; a frozen process could not obey, so it goes on first."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ask it to stop and wait; what has not stopped by then is killed."""
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
        """Stop the process for a while, if it is there."""
        if self._process is not None:
            standstill.freeze(self._process)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if the process is there."""
        if self._process is not None:
            self._process.send_signal(number)
