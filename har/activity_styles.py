"""How an activity is displayed: its title, colour and symbol.

This module does not define which activities exist. Each release's manifest lists its classes and their order
(`har.releases.ReleaseManifest.classes`). An activity that this module does not know gets a neutral colour.
"""

import msgspec

from har.decisions import UNKNOWN

FALLBACK_COLOUR = "#8a8f98"
FALLBACK_SYMBOL = "❔"


class ActivityStyle(msgspec.Struct, frozen=True):
    """How one activity is displayed.

    Attributes
    ----------
    name : str
        The activity's name in data sets and predictions, such as ``"stairsup"``.
    title : str
        The displayed name, such as ``"Stairs up"``.
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
        ActivityStyle("run", "Running", "#d37295", "🏃"),
        ActivityStyle("jog", "Jogging", "#ff9da6", "🏃"),
        ActivityStyle("lie", "Lying", "#9d755d", "🛌"),
        ActivityStyle(UNKNOWN, "Unknown", "#b3b7bd", "❔"),
    )
}

#: The activities that the pages offer as labels while the release of a device is unknown.
LABEL_STYLES = tuple(style for style in KNOWN_STYLES.values() if style.name != UNKNOWN)


def activity_style(name: str) -> ActivityStyle:
    """Return how to display the activity `name`; unknown names get a title made from the name.

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
