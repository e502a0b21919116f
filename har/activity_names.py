"""The vocabulary of activities: the names of the known ones, their synonyms, and the own words of wearers.

Every name that enters the system is read here: labels of wearers, annotations, the ground truth of data sets, and the
classes of a training. A name has one *canonical form*:

- A synonym of a known activity becomes the activity's name (``Walking`` is ``walk``), and a name for no activity
  becomes ``null``.
- Any other name is an *own word* of the wearer. It keeps its letters, in Unicode's form NFKC and in lower case; spaces
  and hyphens between its words become one ``_`` (``Tai Chi`` is ``tai_chi``).

Which activities a release distinguishes is stated by its manifest, and not here.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from har.rejections import RejectedMessage

#: The ground truth of readings that show none of the named activities, or whose activity is unknown.
NULL_LABEL = "null"
#: Longest own word, characters of its canonical form.
MAX_NAME = 32
#: A longer text is rejected unread, characters.
MAX_TEXT = 256

#: Other names of each known activity, in canonical form. `_` is ignored when names are compared.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "sit": ("sits", "sat", "sitting", "seated"),
    "stand": ("stands", "stood", "standing"),
    "walk": ("walks", "walked", "walking"),
    "run": ("runs", "ran", "running"),
    "jog": ("jogs", "jogged", "jogging"),
    "lie": ("lies", "lying", "lay", "lays", "laying", "lie_down", "lying_down", "lay_down", "laying_down"),
    "bike": (
        *("bikes", "biked", "biking", "bicycle", "bicycling", "cycle", "cycles", "cycled", "cycling"),
        *("ride_bike", "ride_a_bike", "riding_bike", "riding_a_bike"),
    ),
    "stairsup": (
        *("stairs_up", "up_stairs", "up_the_stairs", "upstair", "walk_upstairs", "walks_upstairs", "walked_upstairs"),
        *("walking_upstairs", "walk_up_stairs", "walking_up_stairs", "walking_up_the_stairs", "go_upstairs"),
        *("going_upstairs", "going_up_the_stairs", "climb_stairs", "climbing_stairs", "ascend_stairs"),
        "ascending_stairs",
    ),
    "stairsdown": (
        *("stairs_down", "down_stairs", "down_the_stairs", "downstair", "walk_downstairs", "walks_downstairs"),
        *("walked_downstairs", "walking_downstairs", "walk_down_stairs", "walking_down_stairs"),
        *("walking_down_the_stairs", "go_downstairs", "going_downstairs", "going_down_the_stairs"),
        *("descend_stairs", "descending_stairs"),
    ),
    NULL_LABEL: ("none", "nan", "unknown", "unlabelled", "unlabeled", "no_activity", "no_label", ""),
}
#: The names of the known activities.
ACTIVITIES = tuple(name for name in SYNONYMS if name != NULL_LABEL)

_KNOWN = {other.replace("_", ""): name for name, synonyms in SYNONYMS.items() for other in (name, *synonyms)}
#: Spaces, hyphens, dashes and underscores between words.
_BETWEEN_WORDS = re.compile(r"[\s_\-\u2010-\u2015]+")


def canonical_activity(text: str) -> str:
    """Return the canonical form of any name. A text that no wearer may send has one, too: data sets may hold it.

    Examples
    --------
    >>> canonical_activity("Walking upstairs"), canonical_activity("unknown"), canonical_activity(" Tai-Chi ")
    ('stairsup', 'null', 'tai_chi')
    """
    # Lower case may take a text out of NFKC, so it is composed again.
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())
    words = _BETWEEN_WORDS.sub("_", plain).strip("_")
    return _KNOWN.get(words.replace("_", ""), words)


def accepted_activity(text: str) -> str:
    """Return the canonical form of a name that a wearer or an observer states.

    Raises
    ------
    RejectedMessage
        With code ``activity`` if the text cannot be a name: it is empty, has more than `MAX_NAME` characters, or other
        characters than letters, digits, spaces, ``_`` and hyphens, or does not begin with a letter.

    Examples
    --------
    >>> accepted_activity("Cycling"), accepted_activity("Klavier üben")
    ('bike', 'klavier_üben')
    """
    name = canonical_activity(text) if len(text) <= MAX_TEXT else ""
    if any(map(str.isalpha, text[:MAX_TEXT])) and is_accepted(name):
        return name
    raise RejectedMessage(
        "activity",
        f"{text[:40]!r} cannot name an activity: use 1 to {MAX_NAME} letters, digits, spaces, _ and -, beginning "
        "with a letter",
    )


def is_accepted(name: str) -> bool:
    """Return whether a wearer may state a canonical name as a label.

    Examples
    --------
    >>> is_accepted("chair_rise"), is_accepted("chair/rise")
    (True, False)
    """
    return name in SYNONYMS or (len(name) <= MAX_NAME and _is_word(name))


def is_own_word(name: str) -> bool:
    """Return whether a canonical name is neither a known activity nor ``null``.

    Examples
    --------
    >>> is_own_word("tai_chi"), is_own_word("walk")
    (True, False)
    """
    return name not in SYNONYMS


def named_class(name: str, classes: Sequence[str]) -> str:
    """Return the class of a release that a canonical name means; the name itself if it means none.

    The classes of a release that was trained elsewhere need not be canonical.

    Examples
    --------
    >>> named_class("walk", ["Sitting", "Walking"]), named_class("bike", ["Sitting", "Walking"])
    ('Walking', 'bike')
    """
    if name in classes:
        return name
    return next((other for other in classes if canonical_activity(other) == name), name)


def listed(names: Iterable[str], most: int = 6) -> str:
    """Return names as text, at most a number of them.

    Examples
    --------
    >>> listed(["sit", "walk", "run"], most=2)
    'sit, walk and 1 more'
    """
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def _is_word(name: str) -> bool:
    """Return whether a name has letters, their marks, digits and `_` only, and begins with a letter."""
    kinds = [unicodedata.category(character)[0] for character in name]
    allowed = all(kind in "LMN" or character == "_" for kind, character in zip(kinds, name, strict=True))
    return allowed and kinds[:1] == ["L"]
