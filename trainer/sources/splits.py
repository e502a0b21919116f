"""Who is trained on and who is tested: always whole people, decided before any window is cut."""

from collections.abc import Iterable

import numpy as np

#: People that no network is trained on and no choice is made by. Their results are looked at once a release.
RESERVED_TEST_USERS = frozenset({"galaxy_s2/u21", "galaxy_s2/u22", "galaxy_s2/u23", "galaxy_s2/u24", "galaxy_s8/u06"})


class ReservedTestUserError(ValueError):
    """Somebody tried to train on, or choose by, a reserved test user."""


def reject_reserved_test_users(people: Iterable[str]) -> None:
    """Raise if any of `people` is a reserved test user.

    Raises
    ------
    ReservedTestUserError
        With their names.
    """
    found = sorted(RESERVED_TEST_USERS.intersection(people))
    if found:
        raise ReservedTestUserError(f"reserved test users must not be trained on: {', '.join(found)}")


def training_people(people: Iterable[str]) -> list[str]:
    """Return who may be trained on, sorted: everybody but the reserved test users.

    Examples
    --------
    >>> training_people(["galaxy_s8/u06", "galaxy_s2/u06", "galaxy_s2/u01"])
    ['galaxy_s2/u01', 'galaxy_s2/u06']
    """
    return sorted(set(people) - RESERVED_TEST_USERS)


def device_of(person: str) -> str:
    """Return the device of ``device/user``."""
    return person.rpartition("/")[0]


def user_folds(people: Iterable[str], count: int, seed: int = 0) -> list[list[str]]:
    """Deal people into folds for cross-validation, each device's people evenly over all folds.

    Parameters
    ----------
    people : iterable of str
        ``device/user``; none may be a reserved test user.
    count : int
        How many folds.
    seed : int
        Fixes who meets whom.

    Returns
    -------
    list of list of str
        Each person is in exactly one fold.

    Raises
    ------
    ReservedTestUserError
        If a reserved test user is among the people.
    ValueError
        If there are fewer people than folds.
    """
    everybody = sorted(set(people))
    reject_reserved_test_users(everybody)
    if not 2 <= count <= len(everybody):
        raise ValueError(f"{len(everybody)} people cannot be dealt into {count} folds")
    rng = np.random.default_rng(seed)
    by_device: dict[str, list[str]] = {}
    for person in everybody:
        by_device.setdefault(device_of(person), []).append(person)
    folds: list[list[str]] = [[] for _ in range(count)]
    dealt = 0
    for device in sorted(by_device):
        for place in rng.permutation(len(by_device[device])):
            folds[dealt % count].append(by_device[device][place])
            dealt += 1
    return [sorted(fold) for fold in folds]
