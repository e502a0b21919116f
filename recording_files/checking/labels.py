"""Findings about the labels of a data set that a release is evaluated on."""

from collections.abc import Mapping, Sequence

from har.activity_names import NULL_LABEL, listed, named_class
from recording_files.checking.finding import Finding, Weight

#: More labels than any data set of activities has; only a column of something else has more.
_MOST_NAMED = 100


def label_findings(readings: Mapping[str, int], classes: Sequence[str]) -> list[Finding]:
    """Return a finding that lists every label that is no class of a release.

    Parameters
    ----------
    readings : mapping of str to int
        Number of readings of each label.
    classes : sequence of str
        The classes of the release.

    Examples
    --------
    >>> print(label_findings({"walk": 90, "yoga": 200, "null": 5}, ["walk", "sit"])[0])
    1 of the labels is no class of the release: yoga (200 readings). Its classes are walk, sit
    """
    named = {label: count for label, count in readings.items() if label != NULL_LABEL}
    others = {label: count for label, count in named.items() if named_class(label, classes) not in classes}
    remedy = f"its classes are {', '.join(classes)}"
    if not named:
        return [Finding(Weight.STOPS, "no reading has a label", remedy="name the column of the labels with --label")]
    if not others:
        return []
    ordered = sorted(others, key=lambda label: -others[label])
    shown = listed((f"{label} ({others[label]:,} readings)" for label in ordered), _MOST_NAMED)
    if len(others) == len(named):
        return [Finding(Weight.STOPS, f"none of the labels is a class of the release: {shown}", remedy=remedy)]
    is_one = len(others) == 1
    what = "1 of the labels is no class" if is_one else f"{len(others)} of the labels are no classes"
    return [Finding(Weight.NOTES, f"{what} of the release: {shown}", remedy=remedy)]
