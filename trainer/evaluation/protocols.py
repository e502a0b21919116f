"""Evaluation protocols: who is trained on and who is tested.

A protocol is a list of folds over two pools of windows (`trainer.evaluation.pools`), one for training and one for
testing. `run` carries it out with a training function.

Reserved test users are in no protocol. A wearer with several phones is held out with all of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from har.activity_names import NULL_LABEL, listed
from har.recordings import Recording
from trainer.evaluation.outcomes import Classify, Outcomes, all_labels, classify_examples
from trainer.evaluation.pools import Pools, PoolSpec, cut_pools
from trainer.fitting.examples import Examples, make_examples
from trainer.preparation.personal import split_in_time
from trainer.preparation.plan import TRAIN, VALIDATION
from trainer.splits import user_folds

#: Trains on windows in m/s² and returns a classifier.
Train = Callable[[Examples], Classify]
Report = Callable[[str], None]

LEAKY_WARNING = (
    "This split assigns overlapping windows at random: nearly every test window shares most of its readings with "
    "training windows. The figures show how well the network memorises these people, not how it does on others."
)
TIME_WARNING = (
    "Too few people to hold any out: the end of each activity's recording was tested, and the rest trained on. The "
    "figures hold for these people in the same recordings, not for others."
)


class ProtocolError(ValueError):
    """The recordings do not allow this protocol; the message states what is missing."""


@dataclass(frozen=True, eq=False)
class Fold:
    """One fold, as bool masks over the pools.

    Attributes
    ----------
    name : str
        Name of the fold, such as ``"without p/u01"``.
    train : ndarray of bool, shape (training windows,)
        Windows of `Pools.train` that are trained on.
    test : ndarray of bool, shape (test windows,)
        Windows of `Pools.measured` that are tested.
    """

    name: str
    train: NDArray[np.bool_]
    test: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Protocol:
    """Folds of training and testing.

    Attributes
    ----------
    name : str
        Name of the protocol, such as ``"5 folds by user"``.
    pools : Pools
        Windows that are split.
    folds : list of Fold
        The folds.
    warning : str
        Why the figures do not hold for unseen people; empty if they do.
    """

    name: str
    pools: Pools
    folds: list[Fold]
    warning: str = ""


def by_user(pools: Pools, count: int, *, tested: Sequence[str] | None = None, seed: int = 0) -> Protocol:
    """Split wearers into folds. Each wearer is tested once, by a network that was not trained on them.

    Parameters
    ----------
    pools : Pools
        Windows to split.
    count : int
        Number of folds.
    tested : sequence of str, optional
        People to split into folds; all others are trained on in every fold. All people by default.
    seed : int
        Seed of the split.

    Raises
    ------
    ProtocolError
        If there are fewer wearers than folds.
    """
    folds = [_without_wearers(pools, group, tested) for group in _groups_of_wearers(pools, count, tested, seed)]
    return Protocol(f"{count} folds by user", pools, folds)


def by_user_altered(
    pools: Pools,
    altered: Sequence[Recording],
    name: str,
    pool_spec: PoolSpec,
    count: int,
    *,
    tested: Sequence[str] | None = None,
    seed: int = 0,
) -> Protocol:
    """Split wearers into folds as :func:`by_user`, and test on altered recordings of those who are held out.

    The folds are the same, also if somebody has no window left to test.

    Parameters
    ----------
    pools : Pools
        The windows to train on; those to test on are replaced.
    altered : sequence of Recording
        The recordings to test on (`trainer.evaluation.altered_recordings`).
    name : str
        What was altered, such as ``"20 readings a second"``.
    pool_spec : PoolSpec
        How they are cut.
    count, tested, seed
        As for :func:`by_user`.
    """
    measured = make_examples(altered, pool_spec.windows, pools.labels, pool_spec.signal_bounds)
    altered_pools = replace(pools, measured=measured)
    groups = _groups_of_wearers(pools, count, tested, seed)
    folds = [_without_wearers(altered_pools, group, tested) for group in groups]
    return Protocol(f"{count} folds by user, {name}", altered_pools, folds)


def leave_one_user_out(pools: Pools, *, tested: Sequence[str] | None = None) -> Protocol:
    """Test each wearer with a network that was trained on everybody else; see :func:`by_user`."""
    wearers = _tested_wearers(pools, tested)
    if len(set(pools.wearers_of(pools.train))) < 2:
        raise ProtocolError("leave-one-user-out needs recordings of at least 2 users to train on")
    return Protocol("leave-one-user-out", pools, [_without_wearers(pools, [wearer], tested) for wearer in wearers])


def leaky(pools: Pools, *, share: float = 0.2, tested: Sequence[str] | None = None, seed: int = 0) -> Protocol:
    """Split overlapping windows at random, as this project's predecessor did, to show how misleading that is.

    No window is both trained on and tested, but neighbouring windows, which share most of their readings, are.

    Parameters
    ----------
    pools : Pools
        Windows to split.
    share : float
        Share of the windows that are tested.
    tested : sequence of str, optional
        People whose windows may be tested. All people by default.
    seed : int
        Seed of the split.
    """
    rng = np.random.default_rng(seed)
    test = (rng.random(len(pools.measured)) < share) & people_mask(pools.measured, tested)
    places = set(_places(pools.measured.take(test)))
    train = np.array([place not in places for place in _places(pools.train)], np.bool_)
    name = f"random split of overlapping windows, {share:.0%} tested"
    return Protocol(name, pools, [Fold("random windows", train, test)], LEAKY_WARNING)


def blocked_in_time(recordings: Sequence[Recording], pool_spec: PoolSpec, *, held_out_share: float = 0.2) -> Protocol:
    """Test the end of each activity's recording and train on the rest, when there are too few people to hold out.

    Recordings are split before windows are cut, so no test window shares a reading with a training window.

    Raises
    ------
    ProtocolError
        If no activity was recorded for long enough to give both a training window and a test window.
    """
    parts: dict[str, list[Recording]] = {TRAIN: [], VALIDATION: []}
    for recording in recordings:
        for split, part in split_in_time(recording, held_out_share, pool_spec.windows.length_us):
            parts[split].append(part)
    pools = cut_pools(parts[TRAIN], parts[VALIDATION], all_labels(recordings, pool_spec.outputs), pool_spec)
    if not len(pools.train) or not len(pools.measured):
        raise ProtocolError(
            f"no activity was recorded for long enough to be split in time: {held_out_share:.0%} of a recording, and "
            f"the rest, must each be longer than a window ({pool_spec.windows.length_us / 1e6:g} s)"
        )
    everything = Fold(
        "the end of each recording", np.ones(len(pools.train), np.bool_), np.ones(len(pools.measured), np.bool_)
    )
    return Protocol("blocked in time", pools, [everything], TIME_WARNING)


def run(protocol: Protocol, train: Train, report: Report = lambda _: None) -> list[Outcomes]:
    """Train and test every fold.

    Parameters
    ----------
    protocol : Protocol
        Protocol to carry out.
    train : callable
        Function from examples to a classifier.
    report : callable
        Receives a message before each fold.

    Returns
    -------
    list of Outcomes
        Outcomes of each fold.

    Raises
    ------
    ProtocolError
        If a fold has nothing to test or lacks a class to train on, or a class is tested in no fold. Nothing is
        trained in this case.
    """
    _reject_missing_classes(protocol)
    pools = protocol.pools
    parts = []
    for number, fold in enumerate(protocol.folds, start=1):
        examples, tested = pools.train.take(fold.train), pools.measured.take(fold.test)
        report(
            f"{protocol.name}, {number} of {len(protocol.folds)}: {fold.name}; {len(examples)} windows of "
            f"{len(set(examples.people.tolist()))} people to train on, {len(tested)} to test"
        )
        parts.append(classify_examples(train(examples), tested, pools.labels, pools.classes + pools.kinds, pools.kinds))
    return parts


def _reject_missing_classes(protocol: Protocol) -> None:
    pools = protocol.pools
    for fold in protocol.folds:
        trained, tested = int(fold.train.sum()), int(fold.test.sum())
        if not trained or not tested:
            raise ProtocolError(f"{protocol.name}, {fold.name}: {trained} windows to train on, {tested} to test")
        _reject_missing(pools, pools.train.labels[fold.train], f"{protocol.name}, {fold.name}", "to train on")
    everywhere = np.any([fold.test for fold in protocol.folds], axis=0)
    _reject_missing(pools, pools.measured.labels[everywhere], protocol.name, "to test")


def _reject_missing(pools: Pools, found: NDArray[np.int64], where: str, purpose: str) -> None:
    missing = [name for number, name in enumerate(pools.labels[: pools.classes]) if number not in found]
    if missing:
        others = [label for label in pools.labels[pools.classes + pools.kinds :] if label != NULL_LABEL]
        raise ProtocolError(
            f"{where}: no window {purpose} is labelled {', '.join(missing)}: add recordings of it, or leave it out of "
            f"--classes{f'. Other labels of the recordings: {listed(others)}' if others else ''}"
        )


def _groups_of_wearers(pools: Pools, count: int, tested: Sequence[str] | None, seed: int) -> list[list[str]]:
    try:
        return user_folds(_tested_wearers(pools, tested), count, seed)
    except ValueError as error:
        raise ProtocolError(f"{error}; choose fewer folds, or more recordings") from error


def _tested_wearers(pools: Pools, tested: Sequence[str] | None) -> list[str]:
    shown = pools.measured.labels < pools.classes + pools.kinds
    chosen = pools.measured.take(people_mask(pools.measured, tested) & shown)
    wearers = sorted(set(pools.wearers_of(chosen)))
    if not wearers:
        raise ProtocolError("nobody to test has a window of one of the classes, or of background")
    return wearers


def _without_wearers(pools: Pools, held_out: Sequence[str], tested: Sequence[str] | None) -> Fold:
    test = people_mask(pools.measured, tested) & np.isin(pools.wearers_of(pools.measured), held_out)
    return Fold(f"without {', '.join(held_out)}", ~np.isin(pools.wearers_of(pools.train), held_out), test)


def people_mask(examples: Examples, people: Sequence[str] | None) -> NDArray[np.bool_]:
    """Return whether each window is of one of the people; bool ``(n,)``. None stands for everybody."""
    return np.ones(len(examples), np.bool_) if people is None else np.isin(examples.people, sorted(people))


def _places(examples: Examples) -> list[tuple[str, str, int]]:
    return list(zip(examples.people.tolist(), examples.sessions.tolist(), examples.starts.tolist(), strict=True))
