"""The known activities' names, and what else they are called: by data sets, and by people who type them."""

from har.recordings import NULL_LABEL

#: What others call activities.
OTHER_NAMES = {
    "walking": "walk",
    "sitting": "sit",
    "seated": "sit",
    "standing": "stand",
    "lying": "lie",
    "laying": "lie",
    "cycling": "bike",
    "biking": "bike",
    "stairs_up": "stairsup",
    "upstairs": "stairsup",
    "walking_upstairs": "stairsup",
    "stairs_down": "stairsdown",
    "downstairs": "stairsdown",
    "walking_downstairs": "stairsdown",
    "": NULL_LABEL,
    "none": NULL_LABEL,
    "nan": NULL_LABEL,
    "unknown": NULL_LABEL,
    "unlabelled": NULL_LABEL,
    "unlabeled": NULL_LABEL,
    "no_activity": NULL_LABEL,
}
#: The known activities themselves.
ACTIVITIES = tuple(dict.fromkeys(name for name in OTHER_NAMES.values() if name != NULL_LABEL))


def named_activity(text: str) -> str | None:
    """Return which known activity a text names, by its own or another usual name; None if none.

    Examples
    --------
    >>> named_activity("Stairs up"), named_activity("walk"), named_activity("none"), named_activity("juggle")
    ('stairsup', 'walk', 'null', None)
    """
    plain = text.strip().lower().replace(" ", "_").replace("-", "_")
    meant = OTHER_NAMES.get(plain, plain)
    return meant if meant in (*ACTIVITIES, NULL_LABEL) else None


def meant_label(label: str) -> str | None:
    """Return which known activity a label seems to mean that is not its name.

    Examples
    --------
    >>> meant_label("Walking"), meant_label("walk"), meant_label("juggle")
    ('walk', None, None)
    """
    meant = named_activity(label)
    return meant if meant != label else None
