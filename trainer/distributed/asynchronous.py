"""Asynchronous training: each worker computes gradients independently, and parameter servers apply them at once.

The chief only coordinates (`tf.distribute.coordinator.ClusterCoordinator`): it dispatches steps to the workers, which
run its TensorFlow graphs but none of its Python code. The windows that a worker's own Python code draws reach the graph
through files in the worker's working folder (`spool`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from threading import Event
from typing import Any

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import tensorflow as tf
import tf_keras

from trainer.distributed.epoch_loop import Checkpoints, build_model
from trainer.distributed.job import TrainingJob
from trainer.distributed.process import keep_output, pin_to_core, report
from trainer.distributed.progress_log import SECONDS_BETWEEN_LINES, ProgressLog
from trainer.distributed.spool import begin_epoch, serve_draws, spooled_batches
from trainer.distributed.time_slices import ask_for_short_slices
from trainer.distributed.weights import save_weights
from trainer.distributed.worker_windows import worker_windows
from trainer.fitting.finite_loss import require_finite
from trainer.fitting.fit import Model, learning_rate, limit_threads
from trainer.fitting.tensorflow_types import Coordinator, Graph, NodeContext, Resolver, Server, Strategy, Tensor
from trainer.run_folder import RunFolder

#: Steps per dispatch. A dispatch costs the coordinator some milliseconds, but at the end of an epoch a long one leaves
#: the other workers idle.
STEPS_PER_DISPATCH = 2


def run_node(arguments: Mapping[str, Any], context: NodeContext) -> None:
    """Run one node of a TensorFlowOnSpark cluster: chief, worker or parameter server.

    Parameters
    ----------
    arguments : mapping
        ``job``: the `TrainingJob`.
    context : TFNodeContext
        Role and number of this node.
    """
    job: TrainingJob = arguments["job"]
    name = f"{context.job_name}-{context.task_index}"
    keep_output(RunFolder(job.run).logs, name)
    if job.pinned and context.job_name == "worker":
        pin_to_core(context.task_index)
    if context.job_name != "worker":  # all workers wait for these
        ask_for_short_slices()
    limit_threads(job.worker_settings.threads, operations=_operations(job))
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    if context.job_name == "chief":
        report(job, name, context.executor_id, None)
        _coordinate(job, resolver)
    elif context.job_name == "worker":
        _work(job, resolver, context)
    else:
        report(job, name, context.executor_id, None)
        _serve(job, resolver).join()


def _serve(job: TrainingJob, resolver: Resolver) -> Server:
    # A server ignores `limit_threads`. By default it uses as many threads as there are cores.
    config = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=job.worker_settings.threads, inter_op_parallelism_threads=_operations(job)
    )
    return tf.distribute.Server(
        resolver.cluster_spec(),
        job_name=resolver.task_type,
        task_index=resolver.task_id,
        protocol="grpc",
        config=config,
        start=True,
    )


def _operations(job: TrainingJob) -> int:
    """Return how many operations a node must be able to run in parallel: more than one for each other node.

    Operations block while they wait for other nodes. With too few threads, as on a node with one core, they deadlock.
    """
    return 4 + 2 * job.request.workers


def _work(job: TrainingJob, resolver: Resolver, context: NodeContext) -> None:
    share = worker_windows(job, context.task_index)
    server = _serve(job, resolver)  # runs the coordinator's graphs until this process ends
    report(job, f"worker-{context.task_index}", context.executor_id, share)
    serve_draws(job, context.task_index, share.draw)
    del server


@dataclass(frozen=True)
class _Training:
    job: TrainingJob
    strategy: Strategy
    model: Model
    loss: Any
    accuracy: Any


def _coordinate(job: TrainingJob, resolver: Resolver) -> None:
    strategy = tf.distribute.ParameterServerStrategy(resolver)
    coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)
    tf_keras.utils.set_random_seed(job.request.fit.seed)
    folder = RunFolder(job.run)
    with strategy.scope():
        model = build_model(job)
        training = _Training(
            job, strategy, model, tf_keras.metrics.Mean("loss"), tf_keras.metrics.CategoricalAccuracy("accuracy")
        )
        checkpoints = Checkpoints(model, folder.checkpoints)
        first = checkpoints.restore() + 1
    dispatch = _dispatched_steps(training)
    log = _Log(training)
    for epoch in range(first, job.request.fit.epochs + 1):
        _run_epoch(training, coordinator, dispatch, epoch, log)
        checkpoints.save(epoch)
    model.optimizer.finalize_variable_values(model.trainable_variables)
    save_weights(model.get_weights(), folder.weights)


def _dispatched_steps(training: _Training) -> Graph:
    model, settings = training.model, training.job.worker_settings

    def step(windows: Tensor, targets: Tensor) -> None:
        with tf.GradientTape() as tape:
            probabilities = model(windows, training=True)
            losses = tf_keras.losses.categorical_crossentropy(
                targets, probabilities, label_smoothing=settings.label_smoothing
            )
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        model.optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        training.loss.update_state(losses)
        training.accuracy.update_state(targets, probabilities)

    @tf.function  # type: ignore[untyped-decorator]
    def dispatch(iterator: Iterator[tuple[Tensor, Tensor]], steps: Tensor) -> None:
        for _ in tf.range(steps):
            training.strategy.run(step, args=next(iterator))

    return dispatch


def _run_epoch(training: _Training, coordinator: Coordinator, dispatch: Graph, epoch: int, log: _Log) -> None:
    job = training.job
    begin_epoch(job, epoch)
    iterator = iter(coordinator.create_per_worker_dataset(lambda: spooled_batches(job, epoch)))
    for metric in (training.loss, training.accuracy):
        metric.reset_state()
    before = int(training.model.optimizer.iterations.numpy())
    log.begin(epoch, before)
    for begin in range(0, job.steps_per_epoch, STEPS_PER_DISPATCH):
        steps = min(STEPS_PER_DISPATCH, job.steps_per_epoch - begin)
        coordinator.schedule(dispatch, args=(iterator, tf.constant(steps)))
    pause = Event()
    while not coordinator.done():
        pause.wait(SECONDS_BETWEEN_LINES / 4)
        log.write()
    coordinator.join()
    log.end()


class _Log:
    """The coordinator's log: progress, and TensorBoard's curves."""

    def __init__(self, training: _Training) -> None:
        self._training = training
        self._progress = ProgressLog(training.job)
        self._writer = tf.summary.create_file_writer(str(RunFolder(training.job.run).tensorboard / "train"))
        self._epoch = self._before = 0

    def begin(self, epoch: int, steps_before: int) -> None:
        """Start an epoch."""
        self._epoch, self._before = epoch, steps_before

    def write(self) -> None:
        """Write a line about the current epoch if one is due."""
        if self._progress.is_due():
            done = int(self._training.model.optimizer.iterations.numpy()) - self._before
            self._write(min(done, self._training.job.steps_per_epoch - 1))  # only `end` reports the epoch as complete

    def end(self) -> None:
        """Write the last line of the epoch, and its points of the curves."""
        loss, accuracy = self._write(self._training.job.steps_per_epoch)
        with self._writer.as_default(step=self._epoch - 1):
            tf.summary.scalar("epoch_loss", loss)
            tf.summary.scalar("epoch_accuracy", accuracy)
        self._writer.flush()

    def _write(self, step: int) -> tuple[float, float]:
        training = self._training
        loss, accuracy = float(training.loss.result()), float(training.accuracy.result())
        rate = learning_rate(training.model)
        require_finite(loss, epoch=self._epoch, step=step, rate=rate)
        self._progress.write(self._epoch, step, loss=loss, accuracy=accuracy, rate=rate)
        return loss, accuracy
