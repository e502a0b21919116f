"""The names of the known activities, and their synonyms in data sets and in typed text."""

from har.recordings import NULL_LABEL

#: Synonyms: from other names to ours.
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
#: The names of the known activities.
ACTIVITIES = tuple(dict.fromkeys(name for name in OTHER_NAMES.values() if name != NULL_LABEL))


def named_activity(text: str) -> str | None:
    """Return the known activity that a text names, by its name or a synonym; None if there is none.

    Examples
    --------
    >>> named_activity("Stairs up"), named_activity("walk"), named_activity("none"), named_activity("juggle")
    ('stairsup', 'walk', 'null', None)
    """
    plain = text.strip().lower().replace(" ", "_").replace("-", "_")
    name = OTHER_NAMES.get(plain, plain)
    return name if name in (*ACTIVITIES, NULL_LABEL) else None


def meant_label(label: str) -> str | None:
    """Return the known activity that a misspelt label probably means; None if it is spelt correctly or unknown.

    Examples
    --------
    >>> meant_label("Walking"), meant_label("walk"), meant_label("juggle")
    ('walk', None, None)
    """
    name = named_activity(label)
    return name if name != label else None
