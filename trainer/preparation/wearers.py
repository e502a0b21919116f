"""Who is the same human being: several phones of one wearer must not be split between training and validation."""

from __future__ import annotations

from collections.abc import Iterable

#: Person (``device/user``) to the name of the wearer: the first of the person's names, by alphabet.
Wearers = dict[str, str]


def wearers_of(sources: Iterable[Iterable[str]]) -> Wearers:
    """Say whose recordings belong together.

    User names are unique within a data set only: user ``u01`` of two data sets is two people, but user ``a`` of
    HHAR's eight phones is one.

    Parameters
    ----------
    sources : iterable of iterable of str
        The people, ``device/user``, of each data set.

    Returns
    -------
    dict of str to str
        Each person's wearer.

    Examples
    --------
    >>> wearers_of([["nexus4_1/a", "gear_1/a", "gear_1/b"], ["galaxy_s8/a"]])
    {'galaxy_s8/a': 'galaxy_s8/a', 'gear_1/a': 'gear_1/a', 'gear_1/b': 'gear_1/b', 'nexus4_1/a': 'gear_1/a'}
    """
    wearers: Wearers = {}
    for source in sources:
        by_user: dict[str, set[str]] = {}
        for person in source:
            by_user.setdefault(person.rpartition("/")[2], set()).add(person)
        for people in by_user.values():
            # A person of an earlier source may be here with one more phone.
            known = {wearers[person] for person in people if person in wearers}
            people |= {person for person, wearer in wearers.items() if wearer in known}
            wearers |= dict.fromkeys(people, min(people))
    return dict(sorted(wearers.items()))
