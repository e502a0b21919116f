"""Fit one network on one machine.

Every epoch draws its own windows, balanced over devices, people and classes, and varies each of them; all
draws come from the seed and the epoch's number. :func:`epoch_arrays`, :func:`make_optimizer` and
:class:`FitSettings` are apart so that several machines can share them.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, NamedTuple

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from har.releases import Normalisation
from trainer import networks
from trainer.augmentation import AugmentationSettings, augment
from trainer.examples import Drawable, Examples
from trainer.sampling import balanced_probabilities
from trainer.splits import refuse_standing_test_users
from trainer.wearing import at_rest, mirrored_axes, standing, turnable

# tf-keras ships no type hints.
Model = Any
Optimizer = Any


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """How a network is fitted.

    Attributes
    ----------
    epochs : int
        Rounds of `windows_per_epoch` windows.
    windows_per_epoch : int
        Windows drawn for each epoch.
    batch : int
        Windows for each step of the optimiser.
    peak_rate : float
        Adam's learning rate after the warm-up; from there it falls along a cosine to 1 % of it.
    warm_up_share : float
        Share of all steps in which the rate climbs from 0 to its peak.
    clip_norm : float
        Each gradient is shortened to this norm.
    average : float
        Momentum of the running mean of the weights, which is what training returns.
    label_smoothing : float
        Share of each target that is spread over all classes.
    seed : int
        Fixes the initial weights and every draw.
    threads : int
        Threads TensorFlow may use for one operation.
    augmentation : AugmentationSettings
        How windows are varied.
    """

    epochs: int = 16
    windows_per_epoch: int = 9_600
    batch: int = 64
    peak_rate: float = 3e-3
    warm_up_share: float = 0.05
    clip_norm: float = 1.0
    average: float = 0.99
    label_smoothing: float = 0.0
    seed: int = 0
    threads: int = 2
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)


class EpochProgress(NamedTuple):
    """Where training stands after an epoch; the loss is the mean over the epoch, in nats."""

    epoch: int
    epochs: int
    loss: float
    seconds: float


def show_progress(progress: EpochProgress) -> None:
    """Print one line for an epoch to standard error, with an estimate of what is left."""
    left = progress.seconds / progress.epoch * (progress.epochs - progress.epoch)
    print(
        f"epoch {progress.epoch}/{progress.epochs}  loss {progress.loss:.3f}  "
        f"{progress.seconds:.0f} s so far, about {left:.0f} s left",
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
    """Draw and vary the windows of one epoch.

    Parameters
    ----------
    examples : Drawable
        Windows of at least `trainer.augmentation.long_steps` steps.
    probabilities : ndarray of float64, shape (n,)
        How often each is drawn.
    classes : sequence of str
        What the labels index.
    steps : int
        Length of the windows that come out.
    normalisation : Normalisation
        Applied after the variations.
    settings : FitSettings
        Seed, number of windows, variations.
    epoch : int
        Its number, from 1: each epoch has draws of its own.

    Returns
    -------
    windows : ndarray of float32, shape (windows_per_epoch, steps, 3)
        Normalised, without unit.
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
    """Build Adam with a linear warm-up, a cosine decay, clipped gradients and averaged weights.

    The schedule follows I. Loshchilov and F. Hutter, "SGDR: Stochastic gradient descent with warm restarts"
    (2017), section 3, without restarts.
    """
    steps = settings.epochs * (settings.windows_per_epoch // settings.batch)
    warm_up = max(1, round(steps * settings.warm_up_share))
    rate = tf_keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warm_up), alpha=0.01, warmup_target=settings.peak_rate, warmup_steps=warm_up
    )
    return tf_keras.optimizers.Adam(rate, clipnorm=settings.clip_norm, use_ema=True, ema_momentum=settings.average)


def limit_threads(threads: int, *, operations: int = 1) -> None:
    """Keep TensorFlow to some threads, or leave it as it is if it has started already.

    Parameters
    ----------
    threads : int
        For one operation.
    operations : int
        Operations that may run, or wait for another process, at a time.
    """
    if tf.config.threading.get_intra_op_parallelism_threads() == threads:
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(operations)
    except RuntimeError:
        print("TensorFlow has started already: its number of threads stays", file=sys.stderr)


def fit(
    network: str,
    examples: Examples,
    classes: Sequence[str],
    *,
    steps: int,
    normalisation: Normalisation,
    settings: FitSettings,
    progress: Callable[[EpochProgress], None] = show_progress,
) -> Model:
    """Fit a network to examples.

    Parameters
    ----------
    network : str
        A name in `trainer.networks.NETWORKS`.
    examples : Examples
        Windows of at least `trainer.augmentation.long_steps` steps, m/s².
    classes : sequence of str
        What the labels of the examples index.
    steps : int
        Length of the network's windows.
    normalisation : Normalisation
        Applied before the network.
    settings : FitSettings
        How to fit; the same settings and examples give the same weights on the same machine.
    progress : callable
        Called after each epoch.

    Returns
    -------
    tf-keras model
        With the averaged weights.

    Raises
    ------
    StandingTestUserError
        If a standing test user is among the examples.
    ValueError
        If there are no examples, or no such network.
    """
    refuse_standing_test_users(examples.people.tolist())
    probabilities = balanced_probabilities(examples)
    limit_threads(settings.threads)
    tf_keras.utils.set_random_seed(settings.seed)
    model = networks.build(network, steps=steps, classes=len(classes))
    optimizer = make_optimizer(settings)
    loss = tf_keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing)
    model.compile(optimizer, loss)
    targets = np.eye(len(classes), dtype=np.float32)
    began = monotonic()
    for epoch in range(1, settings.epochs + 1):
        windows, labels = epoch_arrays(
            examples,
            probabilities,
            classes,
            steps=steps,
            normalisation=normalisation,
            settings=settings,
            epoch=epoch,
        )
        history = model.fit(windows, targets[labels], batch_size=settings.batch, epochs=1, shuffle=False, verbose=0)
        progress(EpochProgress(epoch, settings.epochs, float(history.history["loss"][0]), monotonic() - began))
    optimizer.finalize_variable_values(model.trainable_variables)
    return model
