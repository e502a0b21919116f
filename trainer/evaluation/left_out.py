"""Protocols that leave out what everybody of a kind has in common: a data set, a placement, or a model of phone.

People of what is left out are in no training, also with their recordings of another data set or placement, except for
`leave_one_model_out`, which warns of it.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from har.recordings import device_of
from recording_files.data_sets import placement_of
from recording_files.known_data_sets import KNOWN_DATA_SETS
from trainer.evaluation.pools import Pools
from trainer.evaluation.protocols import Fold, Protocol, ProtocolError, people_mask
from trainer.fitting.examples import Examples

MODEL_WARNING = "People who also carried another model of phone were trained on with that model."


def leave_one_model_out(pools: Pools, *, tested: Sequence[str] | None = None) -> Protocol:
    """Test each model of phone with a network that was trained on all other models.

    Raises
    ------
    ProtocolError
        If there is only one model.
    """
    models = np.unique(pools.train.models).tolist()
    if len(models) < 2:
        raise ProtocolError(f"leave-one-model-out needs recordings of at least 2 models of phone, not {models}")
    chosen = people_mask(pools.measured, tested)
    folds = [Fold(f"without {model}", pools.train.models != model, (pools.measured.models == model) & chosen)
             for model in models]  # fmt: skip
    has_seen_wearers = any(
        set(pools.wearers_of(pools.train.take(fold.train))) & set(pools.wearers_of(pools.measured.take(fold.test)))
        for fold in folds
    )
    return Protocol("leave-one-model-out", pools, _non_empty(folds), MODEL_WARNING if has_seen_wearers else "")


def data_set_left_out(pools: Pools, *, tested: Sequence[str] | None = None) -> Protocol:
    """Test each data set with a network that was trained on all other data sets.

    Raises
    ------
    ProtocolError
        If there is only one data set.
    """
    return _left_out("data-set-left-out", _data_set_of, "data sets", pools, tested)


def placement_left_out(pools: Pools, *, tested: Sequence[str] | None = None) -> Protocol:
    """Test each placement of the phone with a network that was trained on all other placements.

    Raises
    ------
    ProtocolError
        If there is only one placement.
    """
    return _left_out("placement-left-out", placement_of, "placements", pools, tested)


def _left_out(
    name: str, group_of: Callable[[str], str], groups: str, pools: Pools, tested: Sequence[str] | None
) -> Protocol:
    """Return a fold for each group that shows a class. Groups of background only are trained on in every fold."""
    trained, measured = (_groups(examples, group_of) for examples in (pools.train, pools.measured))
    chosen = people_mask(pools.measured, tested)
    shown = np.unique(measured[chosen & (pools.measured.labels < pools.classes)]).tolist()
    if len(np.unique(trained[pools.train.labels < pools.classes])) < 2:
        raise ProtocolError(f"{name} needs recordings of at least 2 {groups}, not {shown}")
    wearers, tested_wearers = pools.wearers_of(pools.train), pools.wearers_of(pools.measured)
    folds = []
    for group in shown:
        test = chosen & (measured == group)
        train = (trained != group) & ~np.isin(wearers, np.unique(tested_wearers[test]))
        folds.append(Fold(f"without {group}", train, test))
    return Protocol(name, pools, folds)


def _groups(examples: Examples, group_of: Callable[[str], str]) -> NDArray[np.str_]:
    return np.array([group_of(person) for person in examples.people.tolist()], np.str_)


def _data_set_of(person: str) -> str:
    device = device_of(person)
    return KNOWN_DATA_SETS[device].data.name if device in KNOWN_DATA_SETS else device


def _non_empty(folds: Sequence[Fold]) -> list[Fold]:
    remaining = [fold for fold in folds if fold.test.any()]
    if not remaining:
        raise ProtocolError("nobody to test has a window")
    return remaining
