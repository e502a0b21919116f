"""Windows on their way from a worker's Python to the graphs that a coordinator runs in the same worker.

A coordinator's graph is the same for all workers and cannot call Python in them, so it cannot tell them apart. But
each worker process has a working folder of its own: the graph reads ``epoch-3.windows`` there, and finds its own
worker's draws. Marks in the run's folder, which all processes see, say which epoch is trained on and whose files are
there; when the trained weights appear, the work is over.
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
from trainer.runs.folder import RunFolder

#: How often the run's folder is looked at, s: other machines' processes cannot signal through it.
LOOK_SECONDS = 0.1
#: How long a worker may take to draw an epoch, s.
DRAW_SECONDS = 600.0
_EPOCH_MARK = "epoch"


class SpoolError(RuntimeError):
    """A worker did not bring its windows in time."""


def marks_folder(job: TrainingJob) -> Path:
    """Return where the processes of a run leave marks for each other."""
    return RunFolder(job.run).path / "marks"


def serve_draws(job: TrainingJob, worker: int, draw: Callable[[int], EpochArrays]) -> None:
    """Be a worker: keep the files of the running epoch and the next, until the trained weights appear.

    This changes the working folder of the process.

    Parameters
    ----------
    job : TrainingJob
        The run.
    worker : int
        The worker's number.
    draw : callable
        From an epoch's number to its windows and targets.
    """
    marks = marks_folder(job)
    done = RunFolder(job.run).weights
    pause = Event()
    back = Path.cwd()
    scratch = Path(tempfile.mkdtemp(prefix="har-worker-"))
    os.chdir(scratch)
    written: set[int] = set()
    try:
        while not done.exists():
            running = _running_epoch(marks)
            missing = [epoch for epoch in (running, running + 1) if running and epoch not in written]
            if missing and missing[0] <= job.request.fit.epochs:
                _write(missing[0], draw(missing[0]))
                written.add(missing[0])
                (marks / _ready_mark(missing[0], worker)).touch()
            else:
                pause.wait(LOOK_SECONDS)
            for epoch in {epoch for epoch in written if epoch < running}:
                _remove(epoch)
                written.discard(epoch)
    finally:
        os.chdir(back)
        shutil.rmtree(scratch, ignore_errors=True)


def begin_epoch(job: TrainingJob, epoch: int) -> None:
    """Be the coordinator: say which epoch is next, and wait until every worker has its windows.

    Raises
    ------
    SpoolError
        If a worker takes too long.
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
        pause.wait(LOOK_SECONDS)


def spooled_batches(job: TrainingJob, epoch: int) -> Dataset:
    """Return an epoch's batches, over and over, as a `tf.data.Dataset` that any worker can run."""
    batch, steps, classes = job.worker_batch, job.request.windows.steps, len(job.request.classes)

    def read(kind: str, shape: tuple[int, ...]) -> Dataset:
        records = tf.data.FixedLengthRecordDataset(_file(epoch, kind), 4 * int(np.prod(shape)))
        return records.map(lambda raw: tf.reshape(tf.io.decode_raw(raw, tf.float32), shape))

    pairs = tf.data.Dataset.zip((read("windows", (batch, steps, 3)), read("targets", (batch, classes))))
    return pairs.repeat().prefetch(2)


def _running_epoch(marks: Path) -> int:
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
