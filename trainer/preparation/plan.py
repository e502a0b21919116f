"""What is to be prepared: how windows are cut, which labels count, and who is held out."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping

import msgspec

from har.releases import TrainingData
from har.windows import WindowSpec
from trainer.sources.data_sets import KNOWN_DATA_SETS
from trainer.sources.splits import RESERVED_TEST_USERS, device_of

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)
#: With fewer people than this nobody can be held out: every recording is split in time instead.
FEWEST_PEOPLE = 5
#: Of fewer wearers nobody can both be trained on and validate.
FEWEST_OF_A_GROUP = 2
#: The data set of phones that nothing is known of.
_UNKNOWN = ""


class PreparationPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How recordings become shards.

    Attributes
    ----------
    classes : tuple of str
        The labels to tell apart, in the order of the outputs.
    training_windows : WindowSpec
        Windows of the training split: longer and denser than the release's, so that they can be varied.
    windows : WindowSpec
        Windows of the other splits: those of the release.
    held_out_share : float
        About the share of each data set's people that validate and are not trained on (`split_of_people`); with 0,
        all are trained on.
    shards : int
        Into how many files each split is dealt; at least one an executor.
    """

    classes: tuple[str, ...]
    training_windows: WindowSpec
    windows: WindowSpec
    held_out_share: float = 0.2
    shards: int = 16

    def spec_of(self, split: str) -> WindowSpec:
        """Return how the windows of a split are cut."""
        return self.training_windows if split == TRAIN else self.windows


def split_of_people(wearers: Mapping[str, str], held_out_share: float) -> dict[str, str]:
    """Say for each person which split all their recordings belong to.

    The reserved test users are the test split. Of everybody else, those wearers validate whose hash is low, about the
    share of each data set's that has two wearers or more; all others (unknown phones, and data sets of a single
    wearer) count as one data set together. The hash is of the user's name and the known data set, so it stays
    the same whoever joins and whichever phones a wearer uses besides; an earlier and a later release can then be
    compared on people that neither has seen.

    Each such group trains on at least one wearer and validates with at least one. Where the hashes give none to
    validate with, the lowest validates all the same, and where they give none to train on, the highest is trained on:
    **that** may change when somebody joins the group.

    Parameters
    ----------
    wearers : mapping of str to str
        Each person, ``device/user``, and who wears the phone (`trainer.preparation.wearers`).
    held_out_share : float
        From 0 (nobody validates) to below 1.

    Returns
    -------
    dict of str to str
        ``train``, ``validation`` or ``test``.

    Examples
    --------
    >>> split_of_people({name: name for name in ["p/a", "p/b", "q/c", "galaxy_s8/u06"]}, 0.3)
    {'galaxy_s8/u06': 'test', 'p/a': 'validation', 'p/b': 'train', 'q/c': 'train'}
    """
    tested = {wearers[person] for person in wearers if person in RESERVED_TEST_USERS}
    splits = {wearer: TEST if wearer in tested else TRAIN for wearer in sorted(set(wearers.values()))}
    for wearer in _validating(wearers, tested, held_out_share) if held_out_share else ():
        splits[wearer] = VALIDATION
    return {person: splits[wearers[person]] for person in sorted(wearers)}


def _validating(wearers: Mapping[str, str], tested: Collection[str], held_out_share: float) -> Iterator[str]:
    names = _hashed_names({person: wearer for person, wearer in wearers.items() if wearer not in tested})
    fractions = {wearer: _fraction(name) for wearer, name in sorted(names.items())}
    groups: dict[str, list[str]] = {}
    for wearer in fractions:
        groups.setdefault(device_of(names[wearer]), []).append(wearer)
    for name in [name for name, group in groups.items() if name and len(group) < FEWEST_OF_A_GROUP]:
        groups.setdefault(_UNKNOWN, []).extend(groups.pop(name))
    for group in groups.values():
        if len(group) >= FEWEST_OF_A_GROUP:
            ordered = sorted(group, key=lambda wearer: (fractions[wearer], wearer))
            low = sum(fractions[wearer] < held_out_share for wearer in group)
            yield from ordered[: min(max(low, 1), len(group) - 1)]


def _hashed_names(wearers: Mapping[str, str]) -> dict[str, str]:
    """Name each wearer by known data set and user, whichever phones they have besides.

    A known data set goes by the first of its devices; unknown phones have no data set.
    """
    firsts: dict[TrainingData, str] = {}
    for device in sorted(KNOWN_DATA_SETS):
        firsts.setdefault(KNOWN_DATA_SETS[device].data, device)
    phones: dict[str, list[str]] = {}
    for person, wearer in wearers.items():
        phones.setdefault(wearer, []).append(device_of(person))
    names: dict[str, str] = {}
    for wearer, devices in phones.items():
        known = [firsts[KNOWN_DATA_SETS[device].data] for device in devices if device in KNOWN_DATA_SETS]
        names[wearer] = f"{min(known, default=_UNKNOWN)}/{wearer.rpartition('/')[2]}"
    return names


def is_personal(wearers: Mapping[str, str]) -> bool:
    """Tell whether these are too few people to hold any out."""
    splits = split_of_people(wearers, 0.0)
    return len({wearers[person] for person, split in splits.items() if split != TEST}) < FEWEST_PEOPLE


def _fraction(name: str) -> float:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64
