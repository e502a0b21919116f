"""The loop over epochs with tf-keras `fit`, for local training and synchronous workers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import tensorflow as tf
import tf_keras

from trainer.distributed.job import TrainingJob
from trainer.distributed.progress_log import ProgressLog
from trainer.fitting import networks
from trainer.fitting.batches import EpochArrays, batches
from trainer.fitting.fit import FiniteLoss, Model, learning_rate, make_optimizer
from trainer.fitting.tensorflow_types import Dataset, Tensor
from trainer.run_folder import RunFolder


class ReplicaModel(tf_keras.Model):  # type: ignore[misc, unused-ignore]
    """A network whose metrics within an epoch cover only this process's windows.

    By default, tf-keras sums metrics over all workers after every step, with one exchange per metric variable, so
    synchronous workers wait for each other several times a step. Here it sums them only at the end of an epoch.
    """

    def get_metrics_result(self) -> dict[str, Tensor]:
        """Return the means so far: of this replica within a step, of all replicas outside."""
        return {metric.name: tf.math.divide_no_nan(metric.total, metric.count) for metric in self.metrics}


def build_model(job: TrainingJob) -> Model:
    """Build and compile the network of a job; call it in the scope of a strategy to distribute the network."""
    settings = job.worker_settings
    network = networks.build(job.request.network, steps=job.request.windows.steps, classes=len(job.request.outputs))
    model = ReplicaModel(network.inputs, network.outputs, name=network.name)
    optimizer = make_optimizer(settings)
    optimizer.build(model.trainable_variables)
    loss = tf_keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing)
    model.compile(optimizer, loss, metrics=[tf_keras.metrics.CategoricalAccuracy("accuracy")])
    # Metrics are summed over workers when they are read; the default of tf-keras would sum them twice.
    model.distribute_reduction_method = "first"
    return model


def batches_of(job: TrainingJob, draw: Callable[[int], EpochArrays], *, first: int) -> Dataset:
    """Return the batches that one worker trains on, from epoch `first` (counted from 1) to the last."""
    return batches(
        draw,
        batch=job.worker_batch,
        steps=job.request.windows.steps,
        classes=len(job.request.outputs),
        epochs=job.request.fit.epochs,
        first=first,
    )


class Watch(FiniteLoss):
    """Writes progress into the run folder, and stops on a loss that is not finite.

    Parameters
    ----------
    job : TrainingJob
        The run.
    writes : bool
        Whether this process writes progress; every process checks the loss.
    """

    def __init__(self, job: TrainingJob, *, writes: bool) -> None:
        super().__init__()
        self._steps = job.steps_per_epoch
        self._log = ProgressLog(job) if writes else None

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Check the loss, and write a line if one is due."""
        super().on_train_batch_end(batch, logs)
        assert logs is not None
        step = batch + 1
        if step < self._steps and self._log is not None and self._log.is_due():
            self._write(step, logs)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Write the last line of the epoch, with the metrics of all workers."""
        del epoch
        assert logs is not None
        self._write(self._steps, logs)

    def _write(self, step: int, logs: Mapping[str, float]) -> None:
        if self._log is not None:
            loss, accuracy = float(logs["loss"]), float(logs["accuracy"])
            self._log.write(self.epoch, step, loss=loss, accuracy=accuracy, rate=learning_rate(self.model))


class Checkpoints(tf_keras.callbacks.Callback):  # type: ignore[misc, unused-ignore]
    """Saves model, optimiser and epoch number after each epoch, and restores the latest checkpoint.

    Parameters
    ----------
    model : tf-keras model
        Compiled model.
    folder : Path
        Folder of the checkpoints.
    scratch : Path, optional
        Folder for workers other than the chief: with mirrored variables, all workers must save.
    """

    def __init__(self, model: Model, folder: Path, scratch: Path | None = None) -> None:
        super().__init__()
        self._folder = folder
        self._epoch = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._checkpoint = tf.train.Checkpoint(model=model, optimizer=model.optimizer, epoch=self._epoch)
        self._manager = tf.train.CheckpointManager(self._checkpoint, str(scratch or folder), max_to_keep=2)

    def restore(self) -> int:
        """Restore the latest checkpoint; return its epoch, 0 if there is none."""
        latest = tf.train.latest_checkpoint(str(self._folder))
        if latest is None:
            return 0
        self._checkpoint.restore(latest).assert_existing_objects_matched()
        return int(self._epoch.numpy())

    def save(self, epoch: int) -> None:
        """Save the state after an epoch.

        Raises
        ------
        OSError
            If the checkpoint cannot be written, such as on a full disk.
        """
        self._epoch.assign(epoch)
        try:
            self._manager.save(checkpoint_number=epoch)
        except tf.errors.OpError as error:
            raise OSError(
                f"{self._folder}: cannot write the checkpoint of epoch {epoch}: {error.message}; "
                "continue with the same command and --resume"
            ) from error

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Save the state after the epoch."""
        del logs
        self.save(epoch + 1)


def run_epochs(
    model: Model, data: Dataset, job: TrainingJob, checkpoints: Checkpoints, *, first: int, chief: bool
) -> None:
    """Fit from an epoch to the last; the model then has the averaged weights.

    Parameters
    ----------
    model : tf-keras model
        Compiled model, restored from the latest checkpoint.
    data : tf.data.Dataset or distributed data set
        Batches of the remaining epochs.
    job : TrainingJob
        The run.
    checkpoints : Checkpoints
        Saves the state after each epoch.
    first : int
        The first epoch, from 1.
    chief : bool
        Whether this process writes metrics and logs.

    Raises
    ------
    NonFiniteLossError
        If the loss is NaN or infinite.
    """
    callbacks = [Watch(job, writes=chief), checkpoints]
    if chief:
        folder = RunFolder(job.run).tensorboard
        callbacks.append(tf_keras.callbacks.TensorBoard(str(folder), write_graph=False, update_freq="epoch"))
    if first <= job.request.fit.epochs:
        model.fit(
            data,
            initial_epoch=first - 1,
            epochs=job.request.fit.epochs,
            steps_per_epoch=job.steps_per_epoch,
            shuffle=False,
            verbose=0,
            callbacks=callbacks,
        )
    model.optimizer.finalize_variable_values(model.trainable_variables)
