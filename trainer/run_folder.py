"""The folder of a training run, which contains all files of the run."""

from __future__ import annotations

import fcntl
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from har.process.line_files import append_line, whole_lines_after
from har.process.whole_files import part_of, write_whole
from har.recordings import RecordingError
from har.samples import UNDECODABLE

LOCK_FILE = ".lock"
_log = logging.getLogger(__name__)


class FolderInUseError(RecordingError):
    """Another process is training into the folder."""


class Progress(msgspec.Struct, frozen=True):
    """Progress of training; one line of ``metrics.jsonl``.

    Attributes
    ----------
    epoch, epochs : int
        Current epoch, from 1, and number of epochs.
    step, steps : int
        Completed steps of all workers in the epoch, and number of steps per epoch.
    loss, accuracy : float
        Means over the epoch so far, on the augmented training windows; the loss in nats.
    rate : float
        Learning rate of the optimiser.
    windows : int
        Windows that all workers trained on since this process started.
    seconds : float
        Time since training started, without preparation and start-up, s.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: float
    rate: float
    windows: int
    seconds: float

    @property
    def done(self) -> float:
        """Completed share of all steps."""
        return (self.epoch - 1 + self.step / self.steps) / self.epochs


class WorkerReport(msgspec.Struct, frozen=True):
    """Report of a training process at its start, which shows how the work was distributed.

    Attributes
    ----------
    name : str
        Role and number, such as ``worker-0``.
    executor : int
        TensorFlowOnSpark's executor number; -1 without Spark.
    host : str
        Host name of the machine.
    pid : int
        Process ID.
    shards : list of str
        Shard files that the process reads.
    windows : dict of str to int
        Number of windows in the shards, by class.
    devices : list of str
        TensorFlow devices that the process computes on.
    """

    name: str
    executor: int
    host: str
    pid: int
    shards: list[str]
    windows: dict[str, int]
    devices: list[str]


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Create a folder, and lock it against other `har train` processes for the duration of the block.

    The system releases the lock when this process ends, in whatever way.

    Raises
    ------
    FolderInUseError
        If another process holds the lock.
    OSError
        If the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_FILE).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderInUseError(f"{folder} is in use by another har train") from error
        yield


@dataclass(frozen=True)
class RunFolder:
    """Paths of a run's files, and access to its small files.

    Attributes
    ----------
    path : Path
        Folder of the run.
    """

    path: Path

    @property
    def prepared(self) -> Path:
        """Folder of the shards, if this run prepared them."""
        return self.path / "prepared"

    @property
    def lock(self) -> Path:
        """Lock file, see `lock_folder`."""
        return self.path / LOCK_FILE

    @property
    def settings(self) -> Path:
        """Record of the run: request, versions and attempts."""
        return self.path / "run.json"

    @property
    def metrics(self) -> Path:
        """Metrics: one `Progress` per line."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints that an interrupted run continues from."""
        return self.path / "checkpoints"

    @property
    def tensorboard(self) -> Path:
        """Folder of TensorBoard's logs."""
        return self.path / "tensorboard"

    @property
    def logs(self) -> Path:
        """Folder with the output of each process."""
        return self.path / "logs"

    @property
    def reports(self) -> Path:
        """Folder with one `WorkerReport` per process."""
        return self.path / "workers"

    @property
    def weights(self) -> Path:
        """File of the trained weights (`numpy.savez`); it exists only when training is complete."""
        return self.path / "weights.npz"

    @property
    def release(self) -> Path:
        """Release folder."""
        return self.path / "release"

    def contents(self) -> set[Path]:
        """Return what is in the folder besides what a starting process makes: the lock, logs, an incomplete record."""
        own = {self.logs, self.lock, part_of(self.settings)}
        return set(self.path.iterdir()) - own if self.path.is_dir() else set()

    def refusal(self) -> str:
        """Return why no run can begin in the folder, if it holds other files; empty if one can, or one has begun."""
        found = self.contents()
        is_of_others = bool(found) and self.settings not in found
        return f"{self.path} is not empty and contains no run: choose another --output" if is_of_others else ""

    def append(self, progress: Progress) -> None:
        """Append a line to the metrics."""
        append_line(self.metrics, msgspec.json.encode(progress))

    def progress(self) -> Iterator[Progress]:
        """Read the metrics, except a line that is being written."""
        yield from self.progress_after(0)[0]

    def progress_after(self, begin: int) -> tuple[list[Progress], int]:
        """Read the metrics from a byte offset at a line start; return them and the offset to continue from."""
        lines, end = whole_lines_after(self.metrics, begin)
        return [msgspec.json.decode(line, type=Progress) for line in lines], end

    def report(self, report: WorkerReport) -> None:
        """Write the report of a process atomically."""
        self.reports.mkdir(parents=True, exist_ok=True)
        content = msgspec.json.format(msgspec.json.encode(report), indent=1)
        write_whole(self.reports / f"{report.name}.json", content + b"\n")

    def trim(self) -> None:
        """Remove shards, checkpoints and weights, which only a resumed run needs; they are most of a run's size."""
        for folder in (self.prepared, self.checkpoints):
            shutil.rmtree(folder, ignore_errors=True)
        self.weights.unlink(missing_ok=True)

    def clear_reports(self) -> None:
        """Remove the reports of an earlier attempt."""
        for file in self.reports.glob("*.json"):
            file.unlink()

    def worker_reports(self) -> list[WorkerReport]:
        """Read the reports of the processes, ordered by name; skip unreadable ones with a warning."""
        found = []
        for file in sorted(self.reports.glob("*.json")):
            try:
                found.append(msgspec.json.decode(file.read_bytes(), type=WorkerReport))
            except (OSError, *UNDECODABLE) as error:  # must not hide the error of the run
                _log.warning("skipped the unreadable report %s: %s", file, error)
        return found
