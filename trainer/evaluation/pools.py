"""The windows that a protocol splits: a pool for training and a pool for testing.

Training windows are longer and overlap more, for augmentation, and contain only the classes and background. Test
windows are cut as the release cuts them, and contain all labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from har.recordings import Recording
from har.signal_quality import SignalBounds
from har.windowing import WindowSpec
from trainer.evaluation.outcomes import all_labels
from trainer.fitting.examples import Examples, make_examples
from trainer.splits import reject_reserved_test_users


@dataclass(frozen=True, eq=False)
class Pools:
    """The windows that a protocol splits.

    Attributes
    ----------
    train : Examples
        Training windows, of the classes and of background.
    measured : Examples
        Test windows; their labels index `labels`.
    labels : tuple of str
        The classes, the kinds of background, then the other labels.
    classes, kinds : int
        Number of the labels that are classes, and that are kinds of background.
    wearers : mapping of str to str
        Wearer of each person (``device/user``), see `trainer.preparation.wearers`.
    """

    train: Examples
    measured: Examples
    labels: tuple[str, ...]
    classes: int
    wearers: Mapping[str, str]
    kinds: int = 0

    def __post_init__(self) -> None:
        reject_reserved_test_users([*self.train.people.tolist(), *self.measured.people.tolist()])

    def wearers_of(self, examples: Examples) -> NDArray[np.str_]:
        """Return the wearer of each window; a person that `wearers` does not contain is its own wearer."""
        return np.array([self.wearers.get(person, person) for person in examples.people.tolist()], np.str_)


@dataclass(frozen=True, kw_only=True)
class PoolSpec:
    """Parameters of cutting recordings into pools.

    Attributes
    ----------
    classes : sequence of str
        Classes that the network distinguishes, in the order of its outputs.
    background : sequence of str
        Kinds of background that it also distinguishes.
    training_windows, windows : WindowSpec
        Training windows, and test windows, which are the release's.
    wearers : mapping of str to str
        As in `Pools`.
    signal_bounds : SignalBounds
        Windows of readings outside these bounds are left out.
    """

    classes: Sequence[str]
    background: Sequence[str] = ()
    training_windows: WindowSpec
    windows: WindowSpec
    wearers: Mapping[str, str]
    signal_bounds: SignalBounds

    @property
    def outputs(self) -> tuple[str, ...]:
        """What the network distinguishes: the classes, then the kinds of background."""
        return (*self.classes, *self.background)


def make_pools(recordings: Sequence[Recording], pool_spec: PoolSpec) -> Pools:
    """Cut the same recordings into both pools."""
    return cut_pools(recordings, recordings, all_labels(recordings, pool_spec.outputs), pool_spec)


def cut_pools(
    trained: Sequence[Recording], tested: Sequence[Recording], labels: tuple[str, ...], pool_spec: PoolSpec
) -> Pools:
    """Cut recordings for training into one pool, and recordings for testing into the other."""
    return Pools(
        make_examples(trained, pool_spec.training_windows, pool_spec.outputs, pool_spec.signal_bounds),
        make_examples(tested, pool_spec.windows, labels, pool_spec.signal_bounds),
        labels,
        len(pool_spec.classes),
        pool_spec.wearers,
        len(pool_spec.background),
    )
