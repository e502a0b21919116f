"""Findings about people whom two data sets share, as who is trained on must not be tested."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from har.activity_names import listed
from recording_files.checking.finding import Finding, Weight

#: Device and user of a person.
Person = tuple[str, str]


def shared_people(people: Collection[Person], earlier: Mapping[Path, Collection[Person]]) -> Iterator[Finding]:
    """Yield findings about people of a data set whom earlier data sets of the command have, too.

    Parameters
    ----------
    people : collection of (str, str)
        Device and user of each person of the data set.
    earlier : mapping of Path to collection of (str, str)
        Those of the earlier data sets.

    Examples
    --------
    >>> found = shared_people([("s8", "anna"), ("s8", "ben")], {Path("a.csv"): [("s8", "anna"), ("watch", "ben")]})
    >>> for finding in found:
    ...     print(finding)
    a.csv has readings of anna with the same device, too: both are the same person
    a.csv has readings of ben with other devices, too: these count as different people. If they are the same people, \
join the data sets, so that nobody is both trained on and tested
    """
    for path, others in earlier.items():
        same = sorted({user for device, user in people if (device, user) in others})
        if same:
            yield Finding(
                Weight.NOTES,
                f"{path.name} has readings of {listed(same)} with the same device, too: both are the same person",
            )
        users = {user for _, user in others}
        alike = sorted({user for device, user in people if user in users} - set(same))
        if alike:
            yield Finding(
                Weight.NOTES,
                f"{path.name} has readings of {listed(alike)} with other devices, too: these count as different people",
                remedy="if they are the same people, join the data sets, so that nobody is both trained on and tested",
            )
