"""Pass windows from a worker's Python code to the graphs that the coordinator runs in the same worker.

The coordinator's graph is the same for all workers and cannot call Python code in them, so it cannot distinguish them.
Each worker process therefore has its own working folder, in which the graph reads relative paths such as
``epoch-3.windows``. Mark files in the run folder, which all processes can read, show the current epoch and the workers
whose files are ready. When the trained weights appear, the workers end.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Event
from time import monotonic

import numpy as np
import tensorflow as tf

from har.process.whole_files import write_whole
from trainer.distributed.job import TrainingJob
from trainer.fitting.batches import EpochArrays
from trainer.fitting.tensorflow_types import Dataset
from trainer.run_folder import RunFolder

#: Interval of checks of the run folder, s, since processes on other machines can only leave files there.
POLL_SECONDS = 0.1
#: Time limit for a worker to draw the windows of an epoch, s.
DRAW_SECONDS = 600.0
_EPOCH_MARK = "epoch"


class SpoolError(RuntimeError):
    """A worker did not draw its windows in time."""


def marks_folder(job: TrainingJob) -> Path:
    """Return the folder of the mark files, through which the processes of a run signal each other."""
    return RunFolder(job.run).path / "marks"


def serve_draws(job: TrainingJob, worker: int, draw: Callable[[int], EpochArrays]) -> None:
    """Run a worker: provide the files of the current and the next epoch until the trained weights appear.

    This changes the working folder of the process for the duration of the call.

    Parameters
    ----------
    job : TrainingJob
        The run.
    worker : int
        Number of the worker.
    draw : callable
        Function from the number of an epoch to its windows and targets.
    """
    marks = marks_folder(job)
    done = RunFolder(job.run).weights
    pause = Event()
    previous = Path.cwd()
    scratch = Path(tempfile.mkdtemp(prefix="har-worker-"))
    os.chdir(scratch)
    written: set[int] = set()
    try:
        while not done.exists():
            current = _current_epoch(marks)
            missing = [epoch for epoch in (current, current + 1) if current and epoch not in written]
            if missing and missing[0] <= job.request.fit.epochs:
                _write(missing[0], draw(missing[0]))
                written.add(missing[0])
                (marks / _ready_mark(missing[0], worker)).touch()
            else:
                pause.wait(POLL_SECONDS)
            for epoch in {epoch for epoch in written if epoch < current}:
                _remove(epoch)
                written.discard(epoch)
    finally:
        os.chdir(previous)
        shutil.rmtree(scratch, ignore_errors=True)


def begin_epoch(job: TrainingJob, epoch: int) -> None:
    """Run by the coordinator: announce the next epoch, and wait until every worker has its windows.

    Raises
    ------
    SpoolError
        If a worker exceeds `DRAW_SECONDS`.
    """
    marks = marks_folder(job)
    write_whole(marks / _EPOCH_MARK, str(epoch).encode("ascii"))
    pause = Event()
    deadline = monotonic() + DRAW_SECONDS
    while True:
        late = [worker for worker in range(job.request.workers) if not (marks / _ready_mark(epoch, worker)).exists()]
        if not late:
            return
        if monotonic() > deadline:
            raise SpoolError(f"workers {late} drew no windows for epoch {epoch} in {DRAW_SECONDS:g} s")
        pause.wait(POLL_SECONDS)


def spooled_batches(job: TrainingJob, epoch: int) -> Dataset:
    """Return an epoch's batches, repeated without end, as a `tf.data.Dataset` that any worker can run."""
    batch, steps, classes = job.worker_batch, job.request.windows.steps, len(job.request.outputs)

    def read(kind: str, shape: tuple[int, ...]) -> Dataset:
        records = tf.data.FixedLengthRecordDataset(_file(epoch, kind), 4 * int(np.prod(shape)))
        return records.map(lambda raw: tf.reshape(tf.io.decode_raw(raw, tf.float32), shape))

    pairs = tf.data.Dataset.zip((read("windows", (batch, steps, 3)), read("targets", (batch, classes))))
    return pairs.repeat().prefetch(2)


def _current_epoch(marks: Path) -> int:
    mark = marks / _EPOCH_MARK
    return int(mark.read_text("ascii")) if mark.exists() else 0


def _ready_mark(epoch: int, worker: int) -> str:
    return f"epoch-{epoch}.worker-{worker}"


def _file(epoch: int, kind: str) -> str:
    return f"epoch-{epoch}.{kind}"


def _write(epoch: int, arrays: EpochArrays) -> None:
    for kind, values in zip(("windows", "targets"), arrays, strict=True):
        np.ascontiguousarray(values, "<f4").tofile(_file(epoch, kind))


def _remove(epoch: int) -> None:
    for kind in ("windows", "targets"):
        Path(_file(epoch, kind)).unlink()
