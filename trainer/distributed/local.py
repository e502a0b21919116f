"""Local training: in this process, without Spark."""

from __future__ import annotations

import tf_keras

from trainer.distributed.epoch_loop import Checkpoints, batches_of, build_model, run_epochs
from trainer.distributed.job import TrainingJob
from trainer.distributed.process import pin_to_core, report
from trainer.distributed.weights import save_weights
from trainer.distributed.worker_windows import worker_windows
from trainer.fitting.fit import limit_threads
from trainer.run_folder import RunFolder


def train_locally(job: TrainingJob) -> None:
    """Train, starting at the latest checkpoint if there is one, and write the weights into the run folder.

    Raises
    ------
    ShardError
        If a shard is missing or corrupt.
    NonFiniteLossError
        If the loss is NaN or infinite.
    """
    if job.pinned:
        pin_to_core(0)
    limit_threads(job.request.fit.threads)
    share = worker_windows(job, 0)
    report(job, "local-0", -1, share)
    tf_keras.utils.set_random_seed(job.request.fit.seed)
    model = build_model(job)
    folder = RunFolder(job.run)
    checkpoints = Checkpoints(model, folder.checkpoints)
    first = checkpoints.restore() + 1
    data = batches_of(job, share.draw, first=first)
    run_epochs(model, data, job, checkpoints, first=first, chief=True)
    save_weights(model.get_weights(), folder.weights)
