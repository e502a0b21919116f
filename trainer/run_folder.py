"""The folder of a training run: where everything about it is."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from har.line_files import append_line, whole_lines


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
        for line in whole_lines(self.metrics):
            yield msgspec.json.decode(line, type=Progress)

    def report(self, report: WorkerReport) -> None:
        """Write what a process says of itself."""
        self.reports.mkdir(parents=True, exist_ok=True)
        content = msgspec.json.format(msgspec.json.encode(report), indent=1)
        (self.reports / f"{report.name}.json").write_bytes(content + b"\n")

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
        """Read what the processes said of themselves, by name."""
        return [
            msgspec.json.decode(file.read_bytes(), type=WorkerReport) for file in sorted(self.reports.glob("*.json"))
        ]
