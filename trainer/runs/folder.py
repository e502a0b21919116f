"""The folder of a training run: where everything about it is."""

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
from har.process.whole_files import write_whole
from har.recordings import RecordingError

LOCK_FILE = ".lock"
_log = logging.getLogger(__name__)


class FolderInUseError(RecordingError):
    """Another process trains into the folder just now."""


class Progress(msgspec.Struct, frozen=True):
    """Where training stands.

    Attributes
    ----------
    epoch, epochs : int
        The running epoch, from 1, and how many there are.
    step, steps : int
        Steps done in it, of all workers, and how many it has.
    loss, accuracy : float
        Means over the epoch so far, on the varied windows that are trained on; the loss in nats.
    rate : float
        The optimiser's learning rate.
    windows : int
        Windows trained on since this process began, by all workers.
    seconds : float
        Since training began, without preparation and start-up.
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
        """Share of all steps that are done."""
        return (self.epoch - 1 + self.step / self.steps) / self.epochs


class WorkerReport(msgspec.Struct, frozen=True):
    """What a process says of itself when it begins: the proof that the work was shared.

    Attributes
    ----------
    name : str
        Its part and number, as ``worker-0``.
    executor : int
        TensorFlowOnSpark's number of the executor; -1 without Spark.
    host : str
        Name of its machine.
    pid : int
        Its process.
    shards : list of str
        The files it reads.
    windows : dict of str to int
        How many windows they hold, by class.
    devices : list of str
        TensorFlow's devices that it computes on.
    """

    name: str
    executor: int
    host: str
    pid: int
    shards: list[str]
    windows: dict[str, int]
    devices: list[str]


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Make a folder, and let no other `har train` write into it meanwhile.

    However this process ends, the system lets the folder go.

    Raises
    ------
    FolderInUseError
        If another one holds it.
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
    """Paths of a run, and its small files.

    Attributes
    ----------
    path : Path
        The folder.
    """

    path: Path

    @property
    def prepared(self) -> Path:
        """Shards, if this run prepared them."""
        return self.path / "prepared"

    @property
    def lock(self) -> Path:
        """What whoever trains into the folder holds, see `held`."""
        return self.path / LOCK_FILE

    @property
    def settings(self) -> Path:
        """What was asked for, with which versions."""
        return self.path / "run.json"

    @property
    def metrics(self) -> Path:
        """A `Progress` a line."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """What a run that was stopped goes on from."""
        return self.path / "checkpoints"

    @property
    def tensorboard(self) -> Path:
        """TensorBoard's logs."""
        return self.path / "tensorboard"

    @property
    def logs(self) -> Path:
        """What each process printed."""
        return self.path / "logs"

    @property
    def reports(self) -> Path:
        """A `WorkerReport` a process."""
        return self.path / "workers"

    @property
    def weights(self) -> Path:
        """The trained weights, `numpy.savez`; they exist only when training is complete."""
        return self.path / "weights.npz"

    @property
    def release(self) -> Path:
        """The release folder."""
        return self.path / "release"

    def append(self, progress: Progress) -> None:
        """Add a line to the metrics."""
        append_line(self.metrics, msgspec.json.encode(progress))

    def progress(self) -> Iterator[Progress]:
        """Read the metrics; a line that is being written is left out."""
        yield from self.progress_after(0)[0]

    def progress_after(self, begin: int) -> tuple[list[Progress], int]:
        """Read the metrics from a byte on, where a line begins; return them, and the byte to go on from."""
        lines, end = whole_lines_after(self.metrics, begin)
        return [msgspec.json.decode(line, type=Progress) for line in lines], end

    def report(self, report: WorkerReport) -> None:
        """Write what a process says of itself, whole or not at all."""
        self.reports.mkdir(parents=True, exist_ok=True)
        content = msgspec.json.format(msgspec.json.encode(report), indent=1)
        write_whole(self.reports / f"{report.name}.json", content + b"\n")

    def trim(self) -> None:
        """Remove what only resuming needs: shards, checkpoints and weights, most of a run's size."""
        for folder in (self.prepared, self.checkpoints):
            shutil.rmtree(folder, ignore_errors=True)
        self.weights.unlink(missing_ok=True)

    def clear_reports(self) -> None:
        """Forget what an earlier attempt's processes said of themselves."""
        for file in self.reports.glob("*.json"):
            file.unlink()

    def worker_reports(self) -> list[WorkerReport]:
        """Read what the processes said of themselves, by name; what cannot be read is left out, with a warning."""
        found = []
        for file in sorted(self.reports.glob("*.json")):
            try:
                found.append(msgspec.json.decode(file.read_bytes(), type=WorkerReport))
            except (OSError, msgspec.MsgspecError) as error:  # it must not hide what a run failed of
                _log.warning("%s is left out: %s", file, error)
        return found
