"""What is to be prepared: how windows are cut, which labels count, and who is held out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from har.windows import WindowSpec
from trainer.splits import STANDING_TEST_USERS, device_of

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)
#: With fewer people than this nobody can be held out: every recording is split in time instead.
FEWEST_PEOPLE = 5


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
        Share of each device's people that validate and are not trained on; with 0, all are trained on.
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

    The standing test users are the test split. Of everybody else, those wearers validate whose name's hash is low,
    about the share of each device's and at least one of two. So whoever joins later, the others stay where they
    are, and an earlier and a later release can be compared on people that neither has seen.

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
    >>> split_of_people({name: name for name in ["p/a", "p/b", "p/c", "galaxy_s8/u06"]}, 0.3)
    {'galaxy_s8/u06': 'test', 'p/a': 'train', 'p/b': 'validation', 'p/c': 'train'}
    """
    tested = {wearers[person] for person in wearers if person in STANDING_TEST_USERS}
    splits = {wearer: TEST if wearer in tested else TRAIN for wearer in sorted(set(wearers.values()))}
    for device in sorted({device_of(wearer) for wearer in splits}) if held_out_share else ():
        theirs = [wearer for wearer in splits if device_of(wearer) == device and splits[wearer] == TRAIN]
        if len(theirs) < 2:
            continue
        chosen = [wearer for wearer in theirs if _fraction(wearer) < held_out_share]
        for wearer in chosen or [min(theirs, key=_fraction)]:
            splits[wearer] = VALIDATION
    return {person: splits[wearers[person]] for person in sorted(wearers)}


def is_personal(wearers: Mapping[str, str]) -> bool:
    """Tell whether these are too few people to hold any out."""
    splits = split_of_people(wearers, 0.0)
    return len({wearers[person] for person, split in splits.items() if split != TEST}) < FEWEST_PEOPLE


def _fraction(person: str) -> float:
    return int.from_bytes(hashlib.sha256(person.encode()).digest()[:8]) / 2**64
