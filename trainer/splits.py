"""Reserved test users and cross-validation folds. People are never divided among splits or folds."""

from collections.abc import Iterable

import numpy as np

from har.recordings import device_of

#: People that no network is trained on and no choice is based on. Nothing evaluates them automatically: somebody runs
#: `har evaluate --user` once for each release.
RESERVED_TEST_USERS = frozenset({"galaxy_s2/u21", "galaxy_s2/u22", "galaxy_s2/u23", "galaxy_s2/u24", "galaxy_s8/u06"})


class ReservedTestUserError(ValueError):
    """A reserved test user is among the people to train on or to choose by."""


def reject_reserved_test_users(people: Iterable[str]) -> None:
    """Raise if a reserved test user is among the people.

    Raises
    ------
    ReservedTestUserError
        If there are any. The message lists them.
    """
    found = sorted(RESERVED_TEST_USERS.intersection(people))
    if found:
        raise ReservedTestUserError(f"reserved test users must not be trained on: {', '.join(found)}")


def training_people(people: Iterable[str]) -> list[str]:
    """Return the sorted people without the reserved test users.

    Examples
    --------
    >>> training_people(["galaxy_s8/u06", "galaxy_s2/u06", "galaxy_s2/u01"])
    ['galaxy_s2/u01', 'galaxy_s2/u06']
    """
    return sorted(set(people) - RESERVED_TEST_USERS)


def user_folds(people: Iterable[str], count: int, seed: int = 0) -> list[list[str]]:
    """Assign people to folds for cross-validation. The people of each device are spread evenly over all folds.

    Parameters
    ----------
    people : iterable of str
        People as ``device/user``, without reserved test users.
    count : int
        Number of folds.
    seed : int
        Seed of the assignment.

    Returns
    -------
    list of list of str
        The people of each fold; each person is in exactly one.

    Raises
    ------
    ReservedTestUserError
        If a reserved test user is among the people.
    ValueError
        If there are fewer people than folds.
    """
    names = sorted(set(people))
    reject_reserved_test_users(names)
    if not 2 <= count <= len(names):
        raise ValueError(f"{len(names)} people cannot be divided into {count} folds")
    rng = np.random.default_rng(seed)
    by_device: dict[str, list[str]] = {}
    for person in names:
        by_device.setdefault(device_of(person), []).append(person)
    folds: list[list[str]] = [[] for _ in range(count)]
    assigned = 0
    for device in sorted(by_device):
        for place in rng.permutation(len(by_device[device])):
            folds[assigned % count].append(by_device[device][place])
            assigned += 1
    return [sorted(fold) for fold in folds]
