"""Compare the original project's recipe with ours: time until the accuracy that the original project's log reached.

KTH's 2018 project cut windows of 200 readings with a hop of 20, so neighbours share nine tenths of their readings. It
split them at random into 80 % for training and 20 % for testing, so nearly all data of the test windows was in the
training set. Its log ends at an accuracy of 0.9654. Here the recipes are trained with that protocol, on the same
windows, threads and machine. The windows of some people are in neither part; only the score on those is meaningful.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np
import tf_keras
from numpy.typing import NDArray

from benchmarks.training.results import show_table, write_figures
from har.scoring import confusion_matrix, scores
from har.windowing import WindowSpec
from recording_files.loading import load_recordings
from trainer.defaults import CLASSES
from trainer.fitting import networks
from trainer.fitting.examples import Examples, make_examples
from trainer.fitting.fit import Model, limit_threads, make_optimizer
from trainer.fitting.fit_settings import FitSettings
from trainer.preparation.plan import TRAIN, VALIDATION, split_of_people
from trainer.preparation.wearers import wearers_of
from trainer.request import GRAVITY

TARGET = 0.9654
HOP_US = 400_000  # 20 readings at 50 Hz
#: Number of times per epoch that the test split is evaluated; that time is not counted.
TESTS_PER_EPOCH = 4


@dataclass(frozen=True)
class Split:
    """Normalised windows with their ground truth.

    Attributes
    ----------
    train, test
        Windows of the same people, split at random.
    unseen
        Windows of people that are in neither part.
    """

    train: Examples
    test: Examples
    unseen: Examples


def measure(data: list[Path], output: Path, epochs: int) -> None:
    """Train the recipes; if the original one does not reach `TARGET` in `epochs` epochs, its time is a lower bound."""
    limit_threads(2)
    split = make_split(data)
    print(f"{len(split.train)} windows to train on, {len(split.test)} to test, {len(split.unseen)} of unseen people")
    recipe = FitSettings(windows_per_epoch=len(split.train))
    rows = [
        _train(f"ours: {network}", split, _build_ours(network, recipe), batch=recipe.batch, epochs=recipe.epochs)
        for network in ("conv_features", "conv_lstm")
    ]
    rows.append(_train("the origin's", split, _build_origin(), batch=1024, epochs=epochs))
    for row in rows:
        row["times ours"] = float(row["seconds"]) / float(rows[0]["seconds"])
    show_table(rows)
    write_figures(output, "origin", rows)


def make_split(data: list[Path]) -> Split:
    """Cut the windows and split them; the reserved test users are in no part."""
    recordings = load_recordings(data)
    splits = split_of_people(wearers_of([[recording.person for recording in recordings]]), 0.2)
    spec = WindowSpec(hop_us=HOP_US)
    known = make_examples([each for each in recordings if splits[each.person] == TRAIN], spec, CLASSES)
    unseen = make_examples([each for each in recordings if splits[each.person] == VALIDATION], WindowSpec(), CLASSES)
    order = np.random.default_rng(0).permutation(len(known))
    cut = round(0.8 * len(known))
    return Split(*map(_normalised, (known.take(order[:cut]), known.take(order[cut:]), unseen)))


def _normalised(examples: Examples) -> Examples:
    return replace(examples, values=GRAVITY.apply(examples.values))


def _build_ours(network: str, recipe: FitSettings) -> Callable[[], Model]:
    """Return a builder of a network of ours, without augmentation: the test windows overlap the training windows."""

    def build() -> Model:
        model = networks.build(network, steps=200, classes=len(CLASSES))
        model.compile(make_optimizer(recipe), "categorical_crossentropy")
        return model

    return build


def _build_origin() -> Callable[[], Model]:
    """Return a builder of the original network: Adam at 0.0025, L2 of 0.0015 on all weights, no gradient clipping."""

    def build() -> Model:
        model = networks.build("origin", steps=200, classes=len(CLASSES))
        for weight in model.trainable_weights:
            model.add_loss(lambda weight=weight: 0.0015 * tf_keras.backend.sum(tf_keras.backend.square(weight)) / 2)
        model.compile(tf_keras.optimizers.Adam(0.0025), "categorical_crossentropy")
        return model

    return build


def _train(name: str, split: Split, build: Callable[[], Model], *, batch: int, epochs: int) -> dict[str, Any]:
    tf_keras.utils.set_random_seed(0)
    model = build()
    targets = np.eye(len(CLASSES), dtype=np.float32)[split.train.labels]
    watch = _AccuracyWatch(name, split.test)
    # One call for all epochs, because at the end of each call, tf-keras replaces the trained weights by the averaged.
    model.fit(split.train.values, targets, batch_size=batch, epochs=epochs, verbose=0, callbacks=[watch])
    return {
        "recipe": name,
        "reached": f"{TARGET}" if watch.best >= TARGET else f"not within {watch.epochs:g} epochs",
        "seconds": watch.trained,
        "epochs": watch.epochs,
        "best accuracy, leaky test split": watch.best,
        "macro-F1, unseen people": _macro_f1(model, split.unseen),
    }


class _AccuracyWatch(tf_keras.callbacks.Callback):  # type: ignore[misc, unused-ignore]
    """Evaluates the test split several times per epoch and stops training at the target; evaluation is not timed."""

    def __init__(self, name: str, test: Examples) -> None:
        super().__init__()
        self.best, self.trained, self.epochs = 0.0, 0.0, 0.0
        self._name, self._test = name, test
        self._since = perf_counter()
        self._epoch = 0
        self._test_steps: set[int] = set()

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        del logs
        self._epoch = epoch
        steps = int(self.params["steps"])
        self._test_steps = {steps * number // TESTS_PER_EPOCH for number in range(1, TESTS_PER_EPOCH + 1)}

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        del logs
        if batch + 1 not in self._test_steps:
            return
        self.trained += perf_counter() - self._since
        self.epochs = self._epoch + (batch + 1) / int(self.params["steps"])
        with _averaged(self.model):
            self.best = max(self.best, _accuracy(self.model, self._test))
        self.model.stop_training = self.best >= TARGET
        print(f"{self._name}: epoch {self.epochs:.2f}, {self.trained:.0f} s, best {self.best:.4f}", flush=True)
        self._since = perf_counter()


@contextmanager
def _averaged(model: Model) -> Iterator[None]:
    """Use the moving average of the weights while the context is open, if the recipe trains with one."""
    trained = model.get_weights()
    if model.optimizer.use_ema:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    try:
        yield
    finally:
        model.set_weights(trained)


def _predictions(model: Model, examples: Examples) -> NDArray[np.int64]:
    return np.asarray(model.predict(examples.values, batch_size=1024, verbose=0).argmax(axis=1), np.int64)


def _accuracy(model: Model, examples: Examples) -> float:
    return float((_predictions(model, examples) == examples.labels).mean())


def _macro_f1(model: Model, examples: Examples) -> float:
    return scores(confusion_matrix(examples.labels, _predictions(model, examples), len(CLASSES)), CLASSES).macro_f1
