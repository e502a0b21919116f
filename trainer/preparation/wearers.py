"""Identify wearers with several phones, so that a wearer is never both trained on and validated with."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from har.recordings import device_of
from har.releases import TrainingData
from recording_files.known_data_sets import KNOWN_DATA_SETS

#: Maps each person (``device/user``) to its wearer: the alphabetically first of the wearer's persons.
Wearers = dict[str, str]


def wearers_of(sources: Iterable[Iterable[str]]) -> Wearers:
    """Return the wearer of each person.

    User names are only unique within a data set: user ``u01`` of two data sets is two wearers, but user ``a`` of HHAR's
    eight phones is one. A known data set may lie in several files, so its users are the same in all of them.

    Parameters
    ----------
    sources : iterable of iterable of str
        Persons, ``device/user``, of each data set.

    Returns
    -------
    dict of str to str
        Wearer by person.

    Examples
    --------
    >>> wearers_of([["nexus4_1/a", "gear_1/a", "gear_1/b"], ["galaxy_s8/a"]])
    {'galaxy_s8/a': 'galaxy_s8/a', 'gear_1/a': 'gear_1/a', 'gear_1/b': 'gear_1/b', 'nexus4_1/a': 'gear_1/a'}
    """
    wearers: Wearers = {}
    given = [list(source) for source in sources]
    for source in [*given, *_known_data_sets(given)]:
        by_user: dict[str, set[str]] = {}
        for person in source:
            by_user.setdefault(person.rpartition("/")[2], set()).add(person)
        for people in by_user.values():
            # A person of an earlier source may have another phone in this one.
            known = {wearers[person] for person in people if person in wearers}
            people |= {person for person, wearer in wearers.items() if wearer in known}
            wearers |= dict.fromkeys(people, min(people))
    return dict(sorted(wearers.items()))


def _known_data_sets(sources: Iterable[Iterable[str]]) -> list[list[str]]:
    """Return the persons of each known data set, whichever source they are in."""
    found: dict[TrainingData, list[str]] = {}
    for person in chain.from_iterable(sources):
        if (known := KNOWN_DATA_SETS.get(device_of(person))) is not None:
            found.setdefault(known.data, []).append(person)
    return list(found.values())
