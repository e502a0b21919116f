"""The windows that one worker trains on: its shards, and its draws from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from trainer.distributed.job import TrainingJob
from trainer.fitting.batches import EpochArrays
from trainer.fitting.fit import epoch_arrays
from trainer.fitting.sampling import balanced_probabilities
from trainer.preparation.pieces import PieceWindows, windows_of
from trainer.preparation.plan import TRAIN
from trainer.preparation.shards import PreparedIndex, Shard, ShardError, read_index, read_shards
from trainer.request import Mode
from trainer.splits import reject_reserved_test_users

#: Distance of the seeds of workers, whose draws must differ; far larger than the usual distance of runs' seeds.
_SEED_STRIDE = 1_000_003


@dataclass(frozen=True)
class WorkerWindows:
    """Shards and windows of one worker.

    Attributes
    ----------
    shards : list of Shard
        Shards that only this worker reads.
    windows : PieceWindows
        Training windows in the shards.
    draw : callable
        Function from the number of an epoch, from 1, to its `EpochArrays`.
    """

    shards: list[Shard]
    windows: PieceWindows
    draw: Callable[[int], EpochArrays]


def shards_of_worker(index: PreparedIndex, worker: int, workers: int) -> list[Shard]:
    """Return every `workers`-th training shard, starting at the worker's number.

    Raises
    ------
    ShardError
        If there are fewer shards than workers.
    """
    shards = index.of(TRAIN)
    if len(shards) < workers:
        raise ShardError(f"{len(shards)} shards are too few for {workers} workers: prepare with more --shards")
    return shards[worker::workers]


def worker_windows(job: TrainingJob, worker: int) -> WorkerWindows:
    """Read a worker's shards.

    Parameters
    ----------
    job : TrainingJob
        The run.
    worker : int
        Number of the worker, from 0.

    Raises
    ------
    ShardError
        If a shard is missing or corrupt.
    ReservedTestUserError
        If a shard contains a reserved test user.
    """
    index = read_index(job.prepared)
    shards = shards_of_worker(index, worker, job.request.workers)
    windows = windows_of(read_shards(job.prepared, shards), index.plan.training_windows, job.request.outputs)
    reject_reserved_test_users(windows.people.tolist())
    kinds = range(len(job.request.classes), len(job.request.outputs))
    probabilities = balanced_probabilities(windows, background=kinds)
    return WorkerWindows(shards, windows, partial(_draw, job, windows, probabilities, worker))


def _draw(
    job: TrainingJob, windows: PieceWindows, probabilities: NDArray[np.float64], worker: int, epoch: int
) -> EpochArrays:
    fit = job.request.fit
    settings = replace(fit, seed=fit.seed + _SEED_STRIDE * worker, windows_per_epoch=windows_per_worker(job))
    values, labels = epoch_arrays(
        windows,
        probabilities,
        job.request.outputs,
        steps=job.request.windows.steps,
        normalisation=job.request.normalisation,
        settings=settings,
        epoch=epoch,
    )
    return values, np.eye(len(job.request.outputs), dtype=np.float32)[labels]


def windows_per_worker(job: TrainingJob) -> int:
    """Return how many windows a worker draws for an epoch, as its steps need."""
    steps = -(-job.steps_per_epoch // job.request.workers) if job.request.mode is Mode.ASYNC else job.steps_per_epoch
    return steps * job.worker_batch
