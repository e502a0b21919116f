"""The windows that a protocol deals: those that may be trained on, and those that are tested.

The former are long and dense, so that they can be varied, and of the classes alone; the latter are as the release cuts
them, of all labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from har.recordings import Recording
from har.windows import WindowSpec
from trainer.evaluation.outcomes import all_labels
from trainer.fitting.examples import Examples, make_examples
from trainer.sources.splits import reject_reserved_test_users


@dataclass(frozen=True, eq=False)
class Pools:
    """The windows that a protocol deals.

    Attributes
    ----------
    train : Examples
        Windows of the classes that may be trained on.
    measured : Examples
        Windows that may be tested; their labels index `labels`.
    labels : tuple of str
        The classes, then the other labels.
    classes : int
        How many of the labels are classes.
    wearers : mapping of str to str
        Each person (``device/user``) and whose human being it is, see `trainer.preparation.wearers`.
    """

    train: Examples
    measured: Examples
    labels: tuple[str, ...]
    classes: int
    wearers: Mapping[str, str]

    def __post_init__(self) -> None:
        reject_reserved_test_users([*self.train.people.tolist(), *self.measured.people.tolist()])

    def wearers_of(self, examples: Examples) -> NDArray[np.str_]:
        """Return whose human being each window is of; whoever is not known as another's phone is their own."""
        return np.array([self.wearers.get(person, person) for person in examples.people.tolist()], np.str_)


@dataclass(frozen=True, kw_only=True)
class Cutting:
    """How recordings are cut into pools.

    Attributes
    ----------
    classes : sequence of str
        The labels to tell apart, in the order of the network's outputs.
    training_windows, windows : WindowSpec
        Windows that are trained on, and those that are tested: the release's.
    wearers : mapping of str to str
        As in `Pools`.
    """

    classes: Sequence[str]
    training_windows: WindowSpec
    windows: WindowSpec
    wearers: Mapping[str, str]


def make_pools(recordings: Sequence[Recording], cutting: Cutting) -> Pools:
    """Cut recordings into both pools."""
    return cut_pools(recordings, recordings, all_labels(recordings, cutting.classes), cutting)


def cut_pools(
    trained: Sequence[Recording], tested: Sequence[Recording], labels: tuple[str, ...], cutting: Cutting
) -> Pools:
    """Cut the recordings that may be trained on into one pool, and those that may be tested into the other."""
    return Pools(
        make_examples(trained, cutting.training_windows, cutting.classes),
        make_examples(tested, cutting.windows, labels),
        labels,
        len(cutting.classes),
        cutting.wearers,
    )
