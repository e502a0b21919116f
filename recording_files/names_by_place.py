"""The person and the session of a table that names none, by the folder and the file that it lies in."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from recording_files.layout import Layout
from recording_files.stored_files import folders_of

_SUFFIX = re.compile(r"(\.(csv|tsv|txt|dat|log|tab|parquet))?(\.(gz|bz2|xz))?$", re.IGNORECASE)


class PlaceNames(NamedTuple):
    """Names of a person and a session."""

    user: str
    session: str

    def missing_in(self, layout: Layout) -> dict[str, str]:
        """Return the names of what neither the columns nor the format of a table state."""
        return {name: text for name, text in self._asdict().items() if name not in (*layout.texts, *layout.constants)}


def names_by_place(path: Path, places: Sequence[Path]) -> dict[Path, PlaceNames]:
    """Return the names for each table of a data set.

    A folder of folders has a folder for each person; else each table is of another person. A table that is alone in an
    archive is called after the archive.

    Parameters
    ----------
    path : Path
        The data set: a file, a folder or an archive.
    places : sequence of Path
        Its tables.

    Examples
    --------
    >>> places = [Path("data/anna/monday.csv"), Path("data/anna/tuesday.csv"), Path("data/ben/monday.csv")]
    >>> [tuple(names) for names in names_by_place(Path("data"), places).values()]
    [('anna', 'monday'), ('anna', 'tuesday'), ('ben', 'monday')]
    >>> places = [Path("walks/anna.csv"), Path("walks/ben.csv.gz")]
    >>> [tuple(names) for names in names_by_place(Path("walks"), places).values()]
    [('anna', 'anna'), ('ben', 'ben')]
    """
    if list(places) == [path]:
        return {path: _names([_stem(path)])}
    if path.is_file() and len(places) == 1:
        return {places[0]: _names([_stem(path)])}
    found = {place: [*folders_of(place, path), _stem(place)] for place in places}
    # An archive, or the folder of a download, often has one folder that holds all others.
    fewest = 2 if path.is_file() else 3
    while len({names[0] for names in found.values()}) == 1 and min(map(len, found.values())) >= fewest:
        found = {place: names[1:] for place, names in found.items()}
    return {place: _names(names) for place, names in found.items()}


def _names(names: list[str]) -> PlaceNames:
    return PlaceNames(user=names[0], session="/".join(names[1:]) or names[0])


def _stem(place: Path) -> str:
    return re.sub(r"\.zip$", "", _SUFFIX.sub("", place.name), flags=re.IGNORECASE) or place.name
