"""Kinds of background: what a window may show that is none of a release's classes."""

from collections.abc import Collection, Sequence

import msgspec

#: Most kinds of one release, and longest name and title, characters. Messages carry the names, pages show the titles.
MAX_KINDS = 64
MAX_NAME_CHARACTERS = 64
MAX_TITLE_CHARACTERS = 120


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
        if len(self.kinds) > MAX_KINDS:
            return f"{len(self.kinds)} kinds; the limit is {MAX_KINDS}"
        for kind in self.kinds:
            if not is_kind_name(kind.name):
                return f"{kind.name[:80]!r} cannot be a kind: 1 to {MAX_NAME_CHARACTERS} characters that can be printed"
            if not 0 < len(kind.title) <= MAX_TITLE_CHARACTERS or not kind.title.isprintable():
                return f"the title of {kind.name!r} must be one line of 1 to {MAX_TITLE_CHARACTERS} characters"
        if not (0 <= self.largest_share <= 1 and 0 <= self.kind_threshold <= 1):  # NaN must fail too
            return f"its share and threshold must be from 0 to 1, not {self.largest_share} and {self.kind_threshold}"
        return None

    def title(self, kind: str | None) -> str | None:
        """Return what a kind of this background is, for people; None for a kind that it does not have, and for None."""
        return next((known.title for known in self.kinds if known.name == kind), None)


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
    return [BackgroundKind(name, kind_title(name), name in simulated) for name in names]


def kind_title(name: str) -> str:
    """Return what a kind is, for people; a kind without a title is called by its name.

    Examples
    --------
    >>> kind_title("phone_in_use"), kind_title("on_a_drone")
    ('a phone in use', 'on a drone')
    """
    return TITLES.get(name, name.replace("_", " "))


def is_kind_name(name: str) -> bool:
    """Return whether a text can be the name of a kind: short, and printable.

    Examples
    --------
    >>> is_kind_name("table"), is_kind_name(""), is_kind_name(chr(10))
    (True, False, False)
    """
    return 0 < len(name) <= MAX_NAME_CHARACTERS and name.isprintable()
