"""The plan of a preparation: how windows are cut, which labels are classes, and who is held out."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping

import msgspec

from har.recordings import device_of
from har.releases import TrainingData
from har.signal_quality import TRAINED, SignalBounds
from har.windowing import WindowSpec
from recording_files.known_data_sets import KNOWN_DATA_SETS
from trainer.splits import RESERVED_TEST_USERS

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)
#: With fewer wearers, nobody is held out. Every recording is split in time instead.
FEWEST_PEOPLE = 5
#: Least number of wearers of a group from which some are held out.
FEWEST_OF_A_GROUP = 2
#: Name of the group of phones that belong to no known data set.
_UNKNOWN = ""


class PreparationPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of a preparation.

    Attributes
    ----------
    classes : tuple of str
        The classes, in the order of the network's outputs; `class_choice.EVERY_CLASS` until they are chosen.
    background : tuple of str
        Labels of kinds of background, which follow the classes in the outputs; until they are chosen, also those that
        the recordings do not show.
    training_windows : WindowSpec
        Windows of the training split. They are longer and denser than the release's, for augmentation.
    windows : WindowSpec
        Windows of the other splits, as of the release.
    held_out_share : float
        Approximate share of each data set's wearers that validate and are not trained on (`split_of_people`). The
        commands require more than 0.
    shards : int
        Number of shards of each split; at least one per executor.
    signal_bounds : SignalBounds
        Windows of readings outside these bounds are left out, and counted.
    """

    classes: tuple[str, ...]
    training_windows: WindowSpec
    windows: WindowSpec
    held_out_share: float
    shards: int
    signal_bounds: SignalBounds = TRAINED
    background: tuple[str, ...] = ()

    @property
    def outputs(self) -> tuple[str, ...]:
        """What the network distinguishes: the classes, then the kinds of background."""
        return (*self.classes, *self.background)

    def spec_of(self, split: str) -> WindowSpec:
        """Return the specification of a split's windows."""
        return self.training_windows if split == TRAIN else self.windows


def split_of_people(wearers: Mapping[str, str], held_out_share: float) -> dict[str, str]:
    """Assign each person, with all their recordings, to a split.

    The reserved test users form the test split. All other wearers are grouped by known data set. Unknown phones, and
    known data sets with a single wearer, form one group together. In each group of at least two wearers, those whose
    hash is below `held_out_share` validate. The hash depends only on the user's name and the known data set. So it
    stays the same when other people join or a wearer uses further phones, and two releases can be compared on people
    that neither was trained on.

    Each such group has at least one wearer to train on and one to validate with: if no hash is low enough, the wearer
    with the lowest validates; if all are, the wearer with the highest is trained on. This exception can change when
    people join the group.

    Parameters
    ----------
    wearers : mapping of str to str
        The wearer of each person, ``device/user`` (`trainer.preparation.wearers`).
    held_out_share : float
        From 0 (nobody validates) to below 1.

    Returns
    -------
    dict of str to str
        The split of each person: ``train``, ``validation`` or ``test``.

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
    """Return the name of each wearer to be hashed: known data set and user, independent of further phones.

    A known data set is represented by the first of its devices; unknown phones by an empty name.
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
    """Return whether there are too few wearers to hold any out."""
    splits = split_of_people(wearers, 0.0)
    return len({wearers[person] for person, split in splits.items() if split != TEST}) < FEWEST_PEOPLE


def _fraction(name: str) -> float:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64
