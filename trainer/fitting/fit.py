"""Fit one network on one machine.

Each epoch draws windows, balanced over devices, people and classes, and augments them. The seed and the number of the
epoch determine all draws. Distributed training shares :func:`epoch_arrays` and :func:`make_optimizer`.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any, NamedTuple

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from har.releases import Normalisation
from trainer.fitting import networks
from trainer.fitting.augmentation import augment
from trainer.fitting.batches import EpochArrays, batches
from trainer.fitting.examples import Drawable, Examples
from trainer.fitting.finite_loss import require_finite
from trainer.fitting.fit_settings import FitSettings
from trainer.fitting.orientation import at_rest, mirrored_axes, standing, turnable
from trainer.fitting.sampling import balanced_probabilities
from trainer.splits import reject_reserved_test_users

# tf-keras ships no type hints.
Model = Any
Optimizer = Any


class EpochProgress(NamedTuple):
    """Progress after an epoch.

    Attributes
    ----------
    epoch, epochs : int
        Number of the epoch, from 1, and number of all epochs.
    loss : float
        Mean loss over the epoch, nats.
    seconds : float
        Time since training began, s.
    """

    epoch: int
    epochs: int
    loss: float
    seconds: float


def show_progress(progress: EpochProgress) -> None:
    """Print one line for an epoch to standard error, with an estimate of the remaining time."""
    left = progress.seconds / progress.epoch * (progress.epochs - progress.epoch)
    print(
        f"epoch {progress.epoch}/{progress.epochs}  loss {progress.loss:.3f}  "
        f"{progress.seconds:.0f} s elapsed, about {left:.0f} s left",
        file=sys.stderr,
        flush=True,
    )


def epoch_arrays(
    examples: Drawable,
    probabilities: NDArray[np.float64],
    classes: Sequence[str],
    *,
    steps: int,
    normalisation: Normalisation,
    settings: FitSettings,
    epoch: int,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Draw and augment the windows of one epoch.

    Parameters
    ----------
    examples : Drawable
        Windows of at least `trainer.fitting.augmentation.long_steps` steps, m/s².
    probabilities : ndarray of float64, shape (n,)
        Probability of drawing each window.
    classes : sequence of str
        Names of the classes that the labels index.
    steps : int
        Length of the returned windows.
    normalisation : Normalisation
        Applied after augmentation.
    settings : FitSettings
        Seed, number of windows and augmentation.
    epoch : int
        Number of the epoch, from 1. Each epoch has its own draws.

    Returns
    -------
    windows : ndarray of float32, shape (windows_per_epoch, steps, 3)
        Normalised windows, dimensionless.
    labels : ndarray of int64, shape (windows_per_epoch,)
        Index of each window's class.
    """
    rng = np.random.default_rng([settings.seed, epoch])
    drawn = rng.choice(len(examples), settings.windows_per_epoch, p=probabilities)
    chosen = examples.take(drawn)
    varied = augment(
        chosen.values,
        turnable(chosen, classes),
        standing(chosen, classes),
        resting=at_rest(chosen, classes),
        mirrored_axes=mirrored_axes(chosen),
        steps=steps,
        settings=settings.augmentation,
        rng=rng,
    )
    return normalisation.apply(varied), chosen.labels


def make_optimizer(settings: FitSettings) -> Optimizer:
    """Create an Adam optimiser with linear warm-up, cosine decay, clipped gradients and averaged weights.

    The schedule follows I. Loshchilov and F. Hutter, "SGDR: Stochastic gradient descent with warm restarts"
    (2017), section 3, without restarts.
    """
    steps = settings.epochs * settings.steps_per_epoch
    warm_up = max(1, round(steps * settings.warm_up_share))
    rate = tf_keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warm_up), alpha=0.01, warmup_target=settings.peak_rate, warmup_steps=warm_up
    )
    return tf_keras.optimizers.Adam(rate, clipnorm=settings.clip_norm, use_ema=True, ema_momentum=settings.average)


def limit_threads(threads: int, *, operations: int = 1) -> None:
    """Limit the number of TensorFlow's threads. Print a message if TensorFlow has already started.

    Parameters
    ----------
    threads : int
        Number of threads for one operation.
    operations : int
        Number of operations that may run, or wait for another process, at the same time.
    """
    if tf.config.threading.get_intra_op_parallelism_threads() == threads:
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(operations)
    except RuntimeError:
        print("TensorFlow has already started: cannot change its number of threads", file=sys.stderr)


def fit(
    network: str,
    examples: Examples,
    classes: Sequence[str],
    *,
    steps: int,
    normalisation: Normalisation,
    settings: FitSettings,
    background: Sequence[str] = (),
    progress: Callable[[EpochProgress], None] = show_progress,
) -> Model:
    """Fit a network to examples.

    Parameters
    ----------
    network : str
        A key of `trainer.fitting.networks.NETWORKS`.
    examples : Examples
        Windows of at least `trainer.fitting.augmentation.long_steps` steps, m/s².
    classes : sequence of str
        Names of the classes that the labels index.
    steps : int
        Length of the network's windows.
    normalisation : Normalisation
        Normalisation of the network's inputs.
    settings : FitSettings
        Settings of training. The same settings and examples give the same weights on the same machine.
    background : sequence of str
        Those of `classes` that are kinds of background.
    progress : callable
        Called after each epoch.

    Returns
    -------
    tf-keras model
        The network with its averaged weights.

    Raises
    ------
    ReservedTestUserError
        If a reserved test user is among the examples.
    NonFiniteLossError
        If the loss is NaN or infinite.
    ValueError
        If there are no examples, or the network is unknown.
    """
    reject_reserved_test_users(examples.people.tolist())
    probabilities = balanced_probabilities(
        examples, background=[number for number, name in enumerate(classes) if name in background]
    )
    limit_threads(settings.threads)
    tf_keras.utils.set_random_seed(settings.seed)
    model = networks.build(network, steps=steps, classes=len(classes))
    loss = tf_keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing)
    model.compile(make_optimizer(settings), loss)
    targets = np.eye(len(classes), dtype=np.float32)
    whole_batches = replace(settings, windows_per_epoch=settings.steps_per_epoch * settings.batch)

    # TensorFlow keeps the generator of a data set as long as the process lives. So that must not keep the windows.
    drawn_from = [examples]

    def draw(epoch: int) -> EpochArrays:
        windows, labels = epoch_arrays(
            drawn_from[0],
            probabilities,
            classes,
            steps=steps,
            normalisation=normalisation,
            settings=whole_batches,
            epoch=epoch,
        )
        return windows, targets[labels]

    # One call for all epochs, as tf-keras replaces the trained weights by the averaged ones at the end of each call.
    model.fit(
        batches(draw, batch=settings.batch, steps=steps, classes=len(classes), epochs=settings.epochs),
        epochs=settings.epochs,
        steps_per_epoch=settings.steps_per_epoch,
        shuffle=False,
        verbose=0,
        callbacks=[_ProgressReporter(settings, progress)],
    )
    drawn_from.clear()
    return model


def learning_rate(model: Model) -> float:
    """Return the current learning rate of a network's optimiser."""
    return float(tf.convert_to_tensor(model.optimizer.learning_rate))


class FiniteLoss(tf_keras.callbacks.Callback):  # type: ignore[misc, unused-ignore]
    """Stops training if the loss is not finite.

    Attributes
    ----------
    epoch : int
        Number of the current epoch, from 1.
    """

    epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Store the number of the epoch."""
        del logs
        self.epoch = epoch + 1

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Check the loss of a step.

        Raises
        ------
        NonFiniteLossError
            If it is NaN or infinite.
        """
        assert logs is not None
        require_finite(logs["loss"], epoch=self.epoch, step=batch + 1, rate=learning_rate(self.model))


class _ProgressReporter(FiniteLoss):
    """Also reports the progress after each epoch."""

    def __init__(self, settings: FitSettings, progress: Callable[[EpochProgress], None]) -> None:
        super().__init__()
        self._epochs = settings.epochs
        self._progress = progress
        self._began = monotonic()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        assert logs is not None
        self._progress(EpochProgress(epoch + 1, self._epochs, float(logs["loss"]), monotonic() - self._began))
