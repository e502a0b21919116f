"""Synchronous training: in each step every worker computes gradients on its own windows, and all apply the mean."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import tensorflow as tf
import tf_keras

from trainer.distributed.epoch_loop import Checkpoints, batches_of, build_model, run_epochs
from trainer.distributed.job import TrainingJob
from trainer.distributed.process import keep_output, pin_to_core, report
from trainer.distributed.weights import save_weights
from trainer.distributed.worker_windows import WorkerWindows, worker_windows
from trainer.fitting.fit import limit_threads
from trainer.fitting.tensorflow_types import NodeContext, Strategy
from trainer.run_folder import RunFolder


def run_node(arguments: Mapping[str, Any], context: NodeContext) -> None:
    """Run one worker of a TensorFlowOnSpark cluster; the chief is worker 0.

    Parameters
    ----------
    arguments : mapping
        ``job``: the `TrainingJob`.
    context : TFNodeContext
        Role and number of this node.
    """
    job: TrainingJob = arguments["job"]
    chief = context.job_name == "chief"
    worker = 0 if chief else context.task_index + 1
    name = f"worker-{worker}"
    folder = RunFolder(job.run)
    keep_output(folder.logs, name)
    if job.pinned:
        pin_to_core(worker)
    limit_threads(job.worker_settings.threads)
    # Collective operations must be set up before any other use of TensorFlow.
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    share = worker_windows(job, worker)
    report(job, name, context.executor_id, share)
    scratch = None if chief else Path(tempfile.mkdtemp(prefix="har-worker-"))
    try:
        _train(job, share, strategy, chief=chief, scratch=scratch)
    finally:
        if scratch is not None:
            shutil.rmtree(scratch)


def _train(job: TrainingJob, share: WorkerWindows, strategy: Strategy, *, chief: bool, scratch: Path | None) -> None:
    folder = RunFolder(job.run)
    tf_keras.utils.set_random_seed(job.request.fit.seed)
    with strategy.scope():
        model = build_model(job)
        checkpoints = Checkpoints(model, folder.checkpoints, scratch)
        first = checkpoints.restore() + 1
    data = strategy.distribute_datasets_from_function(lambda _: batches_of(job, share.draw, first=first))
    run_epochs(model, data, job, checkpoints, first=first, chief=chief)
    weights = model.get_weights()  # by every worker: the averages of a batch normalisation are reduced over all of them
    if chief:
        save_weights(weights, folder.weights)
