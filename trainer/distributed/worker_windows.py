"""What one worker trains on: its own shards, and its own draws from them."""

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
from trainer.sources.splits import reject_reserved_test_users

#: Workers' draws must differ: each has a seed of its own, so far apart that runs' seeds do not meet it.
_SEED_STRIDE = 1_000_003


@dataclass(frozen=True)
class WorkerWindows:
    """One worker's share.

    Attributes
    ----------
    shards : list of Shard
        The shards it reads; no other worker does.
    windows : PieceWindows
        Their windows.
    draw : callable
        From the number of an epoch, from 1, to its `EpochArrays`.
    """

    shards: list[Shard]
    windows: PieceWindows
    draw: Callable[[int], EpochArrays]


def shards_of_worker(index: PreparedIndex, worker: int, workers: int) -> list[Shard]:
    """Return every `workers`-th training shard, from the worker's number on.

    Raises
    ------
    ShardError
        If there is none left for it.
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
        The worker's number, from 0.

    Raises
    ------
    ShardError
        If a shard is missing or corrupt.
    ReservedTestUserError
        If a reserved test user is in it.
    """
    index = read_index(job.prepared)
    shards = shards_of_worker(index, worker, job.request.workers)
    windows = windows_of(read_shards(job.prepared, shards), index.plan.training_windows, job.request.classes)
    reject_reserved_test_users(windows.people.tolist())
    return WorkerWindows(shards, windows, partial(_draw, job, windows, balanced_probabilities(windows), worker))


def _draw(
    job: TrainingJob, windows: PieceWindows, probabilities: NDArray[np.float64], worker: int, epoch: int
) -> EpochArrays:
    fit = job.request.fit
    settings = replace(fit, seed=fit.seed + _SEED_STRIDE * worker, windows_per_epoch=windows_per_worker(job))
    values, labels = epoch_arrays(
        windows,
        probabilities,
        job.request.classes,
        steps=job.request.windows.steps,
        normalisation=job.request.normalisation,
        settings=settings,
        epoch=epoch,
    )
    return values, np.eye(len(job.request.classes), dtype=np.float32)[labels]


def windows_per_worker(job: TrainingJob) -> int:
    """Return how many windows a worker draws for an epoch: what its steps need."""
    steps = -(-job.steps_per_epoch // job.request.workers) if job.request.mode is Mode.ASYNC else job.steps_per_epoch
    return steps * job.worker_batch
