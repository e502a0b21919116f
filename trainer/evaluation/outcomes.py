"""What a network answered for labelled windows of several people: what every measure is computed from."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from har.answers import UNKNOWN, decide_all
from har.recordings import Recording
from har.scoring import confusion_matrix
from trainer.fitting.examples import Drawable

#: From windows in m/s², float32 (n, steps, 3), not normalised, to probabilities, float32 (n, classes).
Classify = Callable[[NDArray[np.float32]], NDArray[np.float32]]

WINDOWS_A_CALL = 256


class Tested(Drawable, Protocol):
    """Labelled windows of which the model of phone is known, too: `Examples`, or what cuts them when they are taken."""

    @property
    def models(self) -> NDArray[np.str_]:
        """The model of the phone of each window."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Labelled windows and what a network said of them.

    Attributes
    ----------
    labels : tuple of str
        The network's classes in the order of its outputs, then the other labels that windows have.
    truth : ndarray of int64, shape (n,)
        Index of each window's label; from the number of classes on, the window shows none of the classes.
    probabilities : ndarray of float32, shape (n, classes)
        The network's answer.
    people : ndarray of str, shape (n,)
        ``device/user``.
    models : ndarray of str, shape (n,)
        The model of the phone.
    """

    labels: tuple[str, ...]
    truth: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    people: NDArray[np.str_]
    models: NDArray[np.str_]

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.truth)

    @property
    def classes(self) -> tuple[str, ...]:
        """The network's classes, in the order of its outputs."""
        return self.labels[: self.probabilities.shape[1]]

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which windows show one of the classes; bool ``(n,)``."""
        return np.asarray(self.truth < len(self.classes))

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Self:
        """Return some windows only: those whose numbers, or whose places in a mask, are given."""
        windows = {field.name: getattr(self, field.name)[rows] for field in fields(self) if field.name != "labels"}
        return replace(self, **windows)

    def answers(self, threshold: float) -> NDArray[np.int64]:
        """Return the number of each window's class, or the number of classes where the answer is unknown."""
        return decide_all(self.probabilities, threshold)

    def confusion(self, threshold: float) -> NDArray[np.int64]:
        """Count the windows of the classes by class (rows) and answer (columns; the last is unknown)."""
        known = self.known
        return confusion_matrix(self.truth[known], self.answers(threshold)[known], len(self.classes), unknown=True)


def all_labels(recordings: Iterable[Recording], classes: Sequence[str]) -> tuple[str, ...]:
    """Return the classes, then every other label of the recordings in alphabetical order.

    Windows cut with these labels (`trainer.fitting.examples.make_examples`) include those of none of the classes.
    """
    found = {str(label) for recording in recordings for label in np.unique(recording.labels)}
    return (*classes, *sorted(found - set(classes) - {UNKNOWN, ""}))


def classify_examples(classify: Classify, examples: Tested, labels: Sequence[str], classes: int) -> Outcomes:
    """Classify labelled windows, some at a time: no more than those are cut and held at once.

    Parameters
    ----------
    classify : callable
        The network.
    examples : Tested
        Windows of the network's length, m/s².
    labels : sequence of str
        What the examples' labels index; the first `classes` of them are the network's classes.
    classes : int
        How many classes the network has.
    """
    every = np.arange(len(examples))
    answers = [
        np.asarray(classify(examples.take(every[begin : begin + WINDOWS_A_CALL]).values), np.float32)
        for begin in range(0, len(every), WINDOWS_A_CALL)
    ]
    probabilities = np.concatenate(answers) if answers else np.empty((0, classes), np.float32)
    return Outcomes(tuple(labels), examples.labels, probabilities, examples.people, examples.models)


def relabelled(outcomes: Outcomes, classes: Sequence[str], probabilities: NDArray[np.float32]) -> Outcomes:
    """Return the same windows as another network, with other classes or another order of them, answers them.

    Parameters
    ----------
    outcomes : Outcomes
        The windows.
    classes : sequence of str
        The other network's classes, in the order of its outputs.
    probabilities : ndarray of float32, shape (n, len(classes))
        Its answers.
    """
    labels = (*classes, *(label for label in outcomes.labels if label not in classes))
    numbers = np.array([labels.index(label) for label in outcomes.labels], np.int64)
    return replace(outcomes, labels=labels, truth=numbers[outcomes.truth], probabilities=probabilities)


def join_outcomes(parts: Sequence[Outcomes]) -> Outcomes:
    """Join outcomes with the same labels, in order; there must be at least one part."""
    arrays = [field.name for field in fields(Outcomes) if field.name != "labels"]
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in arrays}
    return Outcomes(labels=parts[0].labels, **joined)
