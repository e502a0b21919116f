"""Who is trained on and who is tested: the protocols under which a way of training is measured.

A protocol is a list of folds over two pools of windows (`trainer.evaluation.pools`): those that may be trained on and
those that are tested. It trains nothing by itself: `run` is given what does.

Reserved test users are in no protocol. One human being with several phones is held out with all of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from har.recordings import Recording
from trainer.evaluation.outcomes import Classify, Outcomes, all_labels, classify_examples, join_outcomes
from trainer.evaluation.pools import Cutting, Pools, cut_pools
from trainer.fitting.examples import Examples
from trainer.preparation.personal import split_in_time
from trainer.preparation.plan import TRAIN, VALIDATION
from trainer.sources.splits import user_folds

#: Trains on windows in m/s² and returns the network.
Train = Callable[[Examples], Classify]
Tell = Callable[[str], None]

LEAKY_WARNING = (
    "This split deals overlapping windows at random: nearly every tested window shares most of its readings with "
    "windows that were trained on. It says how well the network knows these people by heart, and nothing about others."
)
TIME_WARNING = (
    "Too few people to hold any out: the end of each activity's recording was tested, the rest trained on. It says "
    "how well the network does for these people on the same occasion, and nothing about others."
)
MODEL_WARNING = "People who also carried another model of phone were trained on with that one."


class ProtocolError(ValueError):
    """The recordings do not allow this protocol; the text says what they lack."""


@dataclass(frozen=True, eq=False)
class Fold:
    """One round: which windows of the pools are trained on, and which are tested; bool masks."""

    name: str
    train: NDArray[np.bool_]
    test: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Protocol:
    """Rounds of training and testing.

    Attributes
    ----------
    name : str
        Such as ``"5 folds by user"``.
    pools : Pools
        What is dealt.
    folds : list of Fold
        The rounds.
    warning : str
        Why its figures must not be read as those of unseen people; empty if they may.
    """

    name: str
    pools: Pools
    folds: list[Fold]
    warning: str = ""


def by_user(pools: Pools, count: int, *, tested: Sequence[str] | None = None, seed: int = 0) -> Protocol:
    """Deal users into folds; each is tested once, by a network that has not seen them.

    Parameters
    ----------
    pools : Pools
        What is dealt.
    count : int
        How many folds.
    tested : sequence of str, optional
        Only these people are dealt; everybody else is always trained on. All, if not given.
    seed : int
        Fixes who meets whom.

    Raises
    ------
    ProtocolError
        If there are fewer users than folds.
    """
    wearers = _tested_wearers(pools, tested)
    try:
        dealt = user_folds(wearers, count, seed)
    except ValueError as error:
        raise ProtocolError(f"{error}; choose fewer folds, or more recordings") from error
    folds = [_without_wearers(pools, theirs, tested) for theirs in dealt]
    return Protocol(f"{count} folds by user", pools, folds)


def leave_one_user_out(pools: Pools, *, tested: Sequence[str] | None = None) -> Protocol:
    """Test each user by a network that was trained on everybody else; see :func:`by_user`."""
    wearers = _tested_wearers(pools, tested)
    if len(set(pools.wearers_of(pools.train))) < 2:
        raise ProtocolError("leaving one user out needs recordings of at least 2 users that may be trained on")
    return Protocol("leave one user out", pools, [_without_wearers(pools, [wearer], tested) for wearer in wearers])


def leave_one_model_out(pools: Pools, *, tested: Sequence[str] | None = None) -> Protocol:
    """Test each model of phone by a network that was trained on all others.

    Raises
    ------
    ProtocolError
        If there is one model only.
    """
    models = np.unique(pools.train.models).tolist()
    if len(models) < 2:
        raise ProtocolError(f"leaving one model out needs recordings of at least 2 models of phone, not {models}")
    chosen = _people_mask(pools.measured, tested)
    folds = [Fold(f"without {model}", pools.train.models != model, (pools.measured.models == model) & chosen)
             for model in models]  # fmt: skip
    again = any(
        set(pools.wearers_of(pools.train.take(fold.train))) & set(pools.wearers_of(pools.measured.take(fold.test)))
        for fold in folds
    )
    return Protocol("leave one device model out", pools, _tested_only(folds), MODEL_WARNING if again else "")


def leaky(pools: Pools, *, share: float = 0.2, tested: Sequence[str] | None = None, seed: int = 0) -> Protocol:
    """Deal overlapping windows at random, as the project this one continues did: only to show what it does.

    No window is both trained on and tested, but its neighbours, which share most of its readings, are.

    Parameters
    ----------
    pools : Pools
        What is dealt.
    share : float
        Of the windows, how many are tested.
    tested : sequence of str, optional
        Only these people's windows are tested. All, if not given.
    seed : int
        Fixes which.
    """
    rng = np.random.default_rng(seed)
    test = (rng.random(len(pools.measured)) < share) & _people_mask(pools.measured, tested)
    places = set(_places(pools.measured.take(test)))
    train = np.array([place not in places for place in _places(pools.train)], np.bool_)
    name = f"random split of overlapping windows, {share:.0%} tested"
    return Protocol(name, pools, [Fold("random windows", train, test)], LEAKY_WARNING)


def blocked_in_time(recordings: Sequence[Recording], cutting: Cutting, *, held_out_share: float = 0.2) -> Protocol:
    """Test the end of each activity's run and train on what comes before, for people who train on themselves.

    The recordings are cut before windows are, so no tested window shares a reading with one that is trained on.

    Raises
    ------
    ProtocolError
        If no run is long enough to give both a window to train on and one to test.
    """
    parts: dict[str, list[Recording]] = {TRAIN: [], VALIDATION: []}
    for recording in recordings:
        for split, part in split_in_time(recording, held_out_share):
            parts[split].append(part)
    pools = cut_pools(parts[TRAIN], parts[VALIDATION], all_labels(recordings, cutting.classes), cutting)
    if not len(pools.train) or not len(pools.measured):
        raise ProtocolError(
            f"no activity was recorded for long enough to be split in time: {held_out_share:.0%} of a run must be "
            f"longer than a window ({cutting.windows.length_us / 1e6:g} s), and so must the rest"
        )
    everything = Fold(
        "the end of each run", np.ones(len(pools.train), np.bool_), np.ones(len(pools.measured), np.bool_)
    )
    return Protocol("blocked in time", pools, [everything], TIME_WARNING)


def run(protocol: Protocol, train: Train, tell: Tell = lambda _: None) -> Outcomes:
    """Train and test every fold.

    Parameters
    ----------
    protocol : Protocol
        The folds.
    train : callable
        From examples to a network.
    tell : callable
        Told, before each fold, which it is.

    Returns
    -------
    Outcomes
        Of all folds together, in their order.

    Raises
    ------
    ProtocolError
        If a fold has nothing to test or lacks a class to train on, or a class is tested in no fold; nothing was
        trained then.
    """
    _reject_missing_classes(protocol)
    pools = protocol.pools
    parts = []
    for number, fold in enumerate(protocol.folds, start=1):
        examples, tested = pools.train.take(fold.train), pools.measured.take(fold.test)
        tell(
            f"{protocol.name}, {number} of {len(protocol.folds)}: {fold.name}; {len(examples)} windows of "
            f"{len(set(examples.people.tolist()))} people to train on, {len(tested)} to test"
        )
        parts.append(classify_examples(train(examples), tested, pools.labels, pools.classes))
    return join_outcomes(parts)


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
        raise ProtocolError(
            f"{where}: no window {purpose} is labelled {', '.join(missing)}: add recordings of it, or leave it out of "
            "the classes"
        )


def _tested_wearers(pools: Pools, tested: Sequence[str] | None) -> list[str]:
    chosen = pools.measured.take(_people_mask(pools.measured, tested) & (pools.measured.labels < pools.classes))
    wearers = sorted(set(pools.wearers_of(chosen)))
    if not wearers:
        raise ProtocolError("nobody who may be tested has a window of one of the classes")
    return wearers


def _without_wearers(pools: Pools, held_out: Sequence[str], tested: Sequence[str] | None) -> Fold:
    theirs = _people_mask(pools.measured, tested) & np.isin(pools.wearers_of(pools.measured), held_out)
    return Fold(f"without {', '.join(held_out)}", ~np.isin(pools.wearers_of(pools.train), held_out), theirs)


def _people_mask(examples: Examples, people: Sequence[str] | None) -> NDArray[np.bool_]:
    return np.ones(len(examples), np.bool_) if people is None else np.isin(examples.people, sorted(people))


def _tested_only(folds: Sequence[Fold]) -> list[Fold]:
    found = [fold for fold in folds if fold.test.any()]
    if not found:
        raise ProtocolError("nobody who may be tested has a window")
    return found


def _places(examples: Examples) -> list[tuple[str, str, int]]:
    return list(zip(examples.people.tolist(), examples.sessions.tolist(), examples.starts.tolist(), strict=True))
