"""A network's predictions for labelled windows of several people, from which all scores are computed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from har.activity_names import named_class
from har.decisions import UNKNOWN, Thresholds, background_share, decide_all
from har.recordings import Recording
from har.scoring import confusion_matrix
from trainer.fitting.examples import Drawable

#: Function from windows, float32 (n, steps, 3), m/s², not normalised, to probabilities, float32 (n, classes).
Classify = Callable[[NDArray[np.float32]], NDArray[np.float32]]

#: Windows that are cut and classified at once.
WINDOWS_PER_CALL = 256


class Tested(Drawable, Protocol):
    """Labelled windows with the model of phone: `Examples`, or an object that cuts windows when they are taken."""

    @property
    def models(self) -> NDArray[np.str_]:
        """Model of the phone of each window; str ``(n,)``."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Labelled windows and a network's predictions for them.

    Attributes
    ----------
    labels : tuple of str
        Classes of the network and its kinds of background, in the order of its outputs, then the other labels of the
        windows.
    truth : ndarray of int64, shape (n,)
        Ground truth of each window, as an index into `labels`; at least the number of classes if it is no class.
    probabilities : ndarray of float32, shape (n, outputs)
        Probabilities that the network predicts.
    people : ndarray of str, shape (n,)
        Person of each window, ``device/user``.
    models : ndarray of str, shape (n,)
        Model of the phone of each window.
    kinds : int
        Number of the network's outputs that are kinds of background, and no classes.
    """

    labels: tuple[str, ...]
    truth: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    people: NDArray[np.str_]
    models: NDArray[np.str_]
    kinds: int = 0

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.truth)

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes of the network, in the order of its outputs."""
        return self.labels[: self.probabilities.shape[1] - self.kinds]

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether the ground truth of each window is one of the classes; bool ``(n,)``."""
        return np.asarray(self.truth < len(self.classes))

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Self:
        """Return the windows at the given indices, or where a mask is true."""
        windows = {name: getattr(self, name)[rows] for name in _arrays()}
        return replace(self, **windows)

    def predictions(self, thresholds: Thresholds) -> NDArray[np.int64]:
        """Return the index of each window's predicted class; the number of classes if the prediction is unknown."""
        return decide_all(self.probabilities, thresholds, len(self.classes))

    @property
    def confidence(self) -> NDArray[np.float64]:
        """The largest probability of a class of each window; float64 ``(n,)``."""
        return np.asarray(self.probabilities[:, : len(self.classes)].max(axis=1).astype(np.float64))

    @property
    def background(self) -> NDArray[np.float64]:
        """The sum of the probabilities of background of each window; float64 ``(n,)``."""
        return background_share(self.probabilities, len(self.classes))

    def confusion(self, thresholds: Thresholds) -> NDArray[np.int64]:
        """Count the windows of the classes by ground truth (rows) and prediction (columns; the last is unknown)."""
        known = self.known
        return confusion_matrix(self.truth[known], self.predictions(thresholds)[known], len(self.classes), unknown=True)


def _arrays() -> list[str]:
    return [field.name for field in fields(Outcomes) if field.name not in ("labels", "kinds")]


def all_labels(recordings: Iterable[Recording], classes: Sequence[str]) -> tuple[str, ...]:
    """Return the classes, then every other label of the recordings in alphabetical order.

    A label that means one of the classes is that class, also if the release spells it differently.

    Windows cut with these labels (`trainer.fitting.examples.make_examples`) include windows of none of the classes.
    """
    found = {named_class(str(label), classes) for recording in recordings for label in np.unique(recording.labels)}
    return (*classes, *sorted(found - set(classes) - {UNKNOWN, ""}))


def classify_examples(
    classify: Classify, examples: Tested, labels: Sequence[str], outputs: int, kinds: int = 0
) -> Outcomes:
    """Classify labelled windows in blocks of `WINDOWS_PER_CALL`, so that only one block is in memory at once.

    Parameters
    ----------
    classify : callable
        The network.
    examples : Tested
        Windows of the network's length, m/s².
    labels : sequence of str
        Labels that the examples' labels index; the first `outputs` of them are the network's outputs.
    outputs, kinds : int
        Number of the network's outputs, and of those that are kinds of background.
    """
    rows = np.arange(len(examples))
    blocks = [
        np.asarray(classify(examples.take(rows[begin : begin + WINDOWS_PER_CALL]).values), np.float32)
        for begin in range(0, len(rows), WINDOWS_PER_CALL)
    ]
    probabilities = np.concatenate(blocks) if blocks else np.empty((0, outputs), np.float32)
    return Outcomes(tuple(labels), examples.labels, probabilities, examples.people, examples.models, kinds)


def relabelled(
    outcomes: Outcomes, classes: Sequence[str], probabilities: NDArray[np.float32], kinds: Sequence[str] = ()
) -> Outcomes:
    """Return the same windows with the predictions of another network, whose classes or their order may differ.

    Parameters
    ----------
    outcomes : Outcomes
        The windows.
    classes : sequence of str
        Classes of the other network, in the order of its outputs.
    probabilities : ndarray of float32, shape (n, len(classes) + len(kinds))
        Probabilities that the other network predicts.
    kinds : sequence of str
        Kinds of background of the other network, in the order of its outputs.
    """
    renamed = [named_class(label, classes) for label in outcomes.labels]
    labels = tuple(dict.fromkeys([*classes, *kinds, *renamed]))
    numbers = np.array([labels.index(label) for label in renamed], np.int64)
    truth = numbers[outcomes.truth]
    return replace(outcomes, labels=labels, truth=truth, probabilities=probabilities, kinds=len(kinds))


def join_outcomes(parts: Sequence[Outcomes]) -> Outcomes:
    """Concatenate at least one part with equal labels."""
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _arrays()}
    return Outcomes(labels=parts[0].labels, kinds=parts[0].kinds, **joined)
