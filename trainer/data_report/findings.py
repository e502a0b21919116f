"""Findings about a data set that is to be trained on: those of every check, and what training needs beside them."""

from collections.abc import Iterator, Sequence

from har.activity_names import listed
from recording_files.checking.finding import Finding, Weight, worst_first
from trainer import defaults
from trainer.data_report.survey import Survey

#: A label is rare if its time is less than this share of the most frequent label's.
RARE = 0.05
_MOST_USERS = 3


def findings_of(survey: Survey, fewest_windows: int, classes: Sequence[str] = defaults.CLASSES) -> list[Finding]:
    """Return the findings about a data set, the worst first.

    Parameters
    ----------
    survey : Survey
        The survey of the data set.
    fewest_windows : int
        Users, and activities of a user, with fewer windows are reported.
    classes : sequence of str
        The classes to train. Rows with another label are null rows.
    """
    found = [
        *(Finding(Weight.WARNS, remark) for remark in survey.remarks),
        *survey.check.findings(),
        *_labels(survey, classes),
        *_users(survey, fewest_windows, classes),
    ]
    return worst_first(found)


def _labels(survey: Survey, classes: Sequence[str]) -> Iterator[Finding]:
    times = {label: seconds for label, seconds in survey.label_seconds().items() if label in classes}
    most = max(times.values(), default=0.0)
    rare = [f"{label} ({times[label] / 60:.1f} min)" for label in survey.labels if times.get(label, most) < RARE * most]
    if rare:
        yield Finding(Weight.NOTES, f"less than {RARE:.0%} of the most frequent activity's time: {listed(rare)}")
    unasked = survey.unasked(classes)
    if not times:
        others = f" of the classes {', '.join(classes)}; the labels are {listed(unasked)}" if unasked else ""
        yield Finding(Weight.STOPS, f"no reading has a label{others}: there is nothing to train on")
    if unasked:
        seconds = survey.label_seconds()
        rows = sum(survey.rows[label] for label in unasked)
        named = listed(f"{label} ({seconds[label]:,.0f} s)" for label in unasked)
        yield Finding(
            Weight.NOTES,
            f"{rows:,} readings have a label that is none of the classes and count as null rows: {named}",
            remedy="to train on one of them, name it with --classes",
        )


def _users(survey: Survey, fewest: int, classes: Sequence[str]) -> Iterator[Finding]:
    labels = [label for label in survey.labels if label in classes]
    users = survey.users
    poor = [
        f"{user} ({count})"
        for user in users
        if (count := sum(survey.windows.get((user, label), 0) for label in labels)) < fewest
    ]
    if poor:
        yield Finding(Weight.WARNS, f"fewer than {fewest} windows with an activity: user {listed(poor)}")
    scarce: dict[str, list[str]] = {}
    for label in labels:
        absent = [user for user in users if not survey.seconds.get((user, label))]
        if absent:
            yield Finding(Weight.WARNS, f"{label} is missing for {len(absent)} of {len(users)} users: {listed(absent)}")
        few = [
            f"{user} ({survey.windows.get((user, label), 0)})"
            for user in users
            if user not in absent and survey.windows.get((user, label), 0) < fewest
        ]
        if few:
            scarce.setdefault(_name_users(few, len(users)), []).append(label)
    if scarce:
        details = "; ".join(f"{', '.join(few)} of {whom}" for whom, few in scarce.items())
        yield Finding(Weight.NOTES, f"fewer than {fewest} windows of a user: {details}")


def _name_users(names: Sequence[str], among: int) -> str:
    if len(names) <= _MOST_USERS:
        return ", ".join(names)
    return f"all {among} users" if len(names) == among else f"{len(names)} of {among} users"
