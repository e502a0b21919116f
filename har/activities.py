"""How an activity is shown to people: its title, colour and symbol.

Which activities exist, and in which order a network answers them, is said by each release's manifest
(`har.releases.ReleaseManifest.classes`), never here. A label that this module does not know is still
shown, in a neutral colour.
"""

import msgspec

from har.answers import UNKNOWN

FALLBACK_COLOUR = "#8a8f98"
FALLBACK_SYMBOL = "❔"


class ActivityStyle(msgspec.Struct, frozen=True):
    """How one activity is shown.

    Attributes
    ----------
    name : str
        The label as it stands in data sets and predictions, such as ``"stairsup"``.
    title : str
        What a person reads, such as ``"Stairs up"``.
    colour : str
        A CSS colour, ``#rrggbb``.
    symbol : str
        One emoji.
    """

    name: str
    title: str
    colour: str
    symbol: str


KNOWN_STYLES = {
    style.name: style
    for style in (
        ActivityStyle("sit", "Sitting", "#4c78a8", "🪑"),
        ActivityStyle("stand", "Standing", "#72b7b2", "🧍"),
        ActivityStyle("walk", "Walking", "#54a24b", "🚶"),
        ActivityStyle("stairsup", "Stairs up", "#e8891c", "↗️"),
        ActivityStyle("stairsdown", "Stairs down", "#b279a2", "↘️"),
        ActivityStyle("bike", "Cycling", "#e45756", "🚴"),
        ActivityStyle(UNKNOWN, "Unknown", "#b3b7bd", "❔"),
    )
}

#: What a wearer can be said to do.
LABELS = tuple(style for style in KNOWN_STYLES.values() if style.name != UNKNOWN)


def activity_style(name: str) -> ActivityStyle:
    """Return how the activity `name` is shown.

    Examples
    --------
    >>> activity_style("walk").title
    'Walking'
    >>> activity_style("jumping_jacks").title
    'Jumping jacks'
    """
    known = KNOWN_STYLES.get(name)
    if known is not None:
        return known
    title = name.replace("_", " ").strip().capitalize() or "Unnamed"
    return ActivityStyle(name, title, FALLBACK_COLOUR, FALLBACK_SYMBOL)
