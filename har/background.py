"""Kinds of background: what a window may show that is none of a release's classes."""

from collections.abc import Collection, Sequence

import msgspec


class BackgroundKind(msgspec.Struct, frozen=True):
    """A kind of background that a network distinguishes from its classes.

    Attributes
    ----------
    name : str
        The kind, such as ``table``.
    title : str
        What it is, for people: "lying still on a table".
    simulated : bool
        Whether the network has learned it from simulated readings only.
    """

    name: str
    title: str
    simulated: bool = False


class Background(msgspec.Struct, frozen=True):
    """What a network knows of windows that show none of its classes; see `har.decisions`.

    Attributes
    ----------
    kinds : list of BackgroundKind
        The kinds. They are the network's outputs after the classes, in this order.
    largest_share : float
        Largest sum of their probabilities with which a class is named.
    kind_threshold : float
        Least probability with which a kind is named.
    """

    kinds: list[BackgroundKind]
    largest_share: float
    kind_threshold: float = 0.5

    def fault(self) -> str | None:
        """Return what is wrong with the background itself; None if it can be used."""
        if not self.kinds:
            return "a release that knows no kind of background must state none"
        if not (0 <= self.largest_share <= 1 and 0 <= self.kind_threshold <= 1):  # NaN must fail too
            return f"its share and threshold must be from 0 to 1, not {self.largest_share} and {self.kind_threshold}"
        return None


#: Kinds that are no activity of a wearer. A training that asks for every activity does not take them.
NO_ACTIVITIES = ("table", "vehicle", "fall", "jump", "transition", "phone_in_use", "shaking")
#: What the known kinds are, for people.
TITLES = {
    "lie": "lying",
    "jog": "jogging",
    "table": "lying still on a table",
    "vehicle": "in a vehicle",
    "fall": "a fall",
    "jump": "jumping",
    "transition": "sitting down or standing up",
    "bike": "cycling",
    "phone_in_use": "a phone in use",
    "shaking": "being shaken",
    "sport": "a ball game",
}


def kinds_of(names: Sequence[str], simulated: Collection[str] = ()) -> list[BackgroundKind]:
    """Return the kinds of these names, with their titles; a kind without one is called by its name.

    Examples
    --------
    >>> [kind.title for kind in kinds_of(["table", "on_a_drone"])]
    ['lying still on a table', 'on a drone']
    """
    return [BackgroundKind(name, TITLES.get(name, name.replace("_", " ")), name in simulated) for name in names]
