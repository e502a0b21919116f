"""Findings about a data set: errors, warnings and notes for training on it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median_low

from har.activity_names import listed
from har.time_units import MICROSECONDS
from recording_files.checks import RATE_TOLERANCE, rate_fault
from trainer import defaults
from trainer.data_report.survey import Survey

#: Plausible median magnitude of readings, m/s². Phones measure gravity as 8.4 to 10.1 (Stisen et al., SenSys 2015).
GRAVITY = (7.5, 12.5)
#: A label is rare if its time is less than this share of the most frequent label's.
RARE = 0.05
_MOST_USERS = 3


class Weight(StrEnum):
    """Severity of a finding, the worst first."""

    #: Training rejects the data set.
    STOPS = "stops training"
    #: Training is possible, but the result may be bad.
    WARNS = "look at this"
    #: Not a fault, but useful to know.
    NOTES = "good to know"


@dataclass(frozen=True)
class DataFinding:
    """A finding about a data set.

    Attributes
    ----------
    weight : Weight
        Its severity.
    text : str
        Description, with a remedy if there is one.
    """

    weight: Weight
    text: str


def findings_of(survey: Survey, fewest_windows: int, classes: Sequence[str] = defaults.CLASSES) -> list[DataFinding]:
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
        *(DataFinding(Weight.WARNS, remark) for remark in survey.remarks),
        *_readings(survey),
        *_rates(survey),
        *_labels(survey, classes),
        *_users(survey, fewest_windows, classes),
    ]
    return sorted(found, key=lambda finding: list(Weight).index(finding.weight))


def _readings(survey: Survey) -> Iterator[DataFinding]:
    if survey.broken.count:
        yield DataFinding(
            Weight.STOPS,
            f"{survey.broken.count:,} of {survey.readings:,} readings are NaN or infinite; "
            f"the first: {survey.broken.first}",
        )
    for model in sorted(survey.gravity):
        median = survey.median_gravity(model)
        if not GRAVITY[0] <= median <= GRAVITY[1]:
            guess = "are they in g?" if 0.7 <= median <= 1.3 else "is gravity missing?"
            yield DataFinding(
                Weight.WARNS, f"{model}: the median magnitude of the readings is {median:.1f} m/s²; {guess}"
            )
    zeros = [(name, count) for name, count in survey.zeros.most_common() if count]
    if zeros:
        yield DataFinding(
            Weight.NOTES,
            f"{survey.zeros.total():,} readings of {len(zeros)} sessions are exactly zero on all axes, which is "
            f"impossible with gravity: the recorder filled them in. The most, {zeros[0][1]:,}: {zeros[0][0]}",
        )
    repeats = sum(session.repeats for session in survey.sessions)
    if repeats:
        yield DataFinding(Weight.NOTES, f"{repeats:,} readings are repeated; each counts once")


def _rates(survey: Survey) -> Iterator[DataFinding]:
    median: dict[str, float] = {}
    for model in {session.model for session in survey.sessions}:
        rates = [
            session.rate_hz
            for session in survey.sessions
            if session.model == model and session.rate_hz and rate_fault(session, survey.rate_hz) is None
        ]
        median[model] = median_low(rates) if rates else 0.0
    for session in survey.sessions:
        fault = rate_fault(session, survey.rate_hz)
        if fault is not None:
            yield DataFinding(Weight.STOPS, f"{session.name}: {fault}")
        elif session.rate_hz and abs(session.rate_hz - median[session.model]) > RATE_TOLERANCE * median[session.model]:
            yield DataFinding(
                Weight.WARNS,
                f"{session.name}: sampled at {session.rate_hz:.1f} Hz, "
                f"but the median of the sessions of a {session.model} is {median[session.model]:.1f} Hz",
            )
    broken = [session for session in survey.sessions if session.gaps]
    if broken:
        worst = max(broken, key=lambda session: session.longest_gap_us)
        yield DataFinding(
            Weight.NOTES,
            f"{len(broken)} of {len(survey.sessions)} sessions have gaps of more than 1 s, "
            f"{sum(session.gaps for session in broken):,} in total; no window crosses one. "
            f"The longest, {worst.longest_gap_us / MICROSECONDS:,.0f} s: {worst.name}",
        )


def _labels(survey: Survey, classes: Sequence[str]) -> Iterator[DataFinding]:
    times = {label: seconds for label, seconds in survey.label_seconds().items() if label in classes}
    most = max(times.values(), default=0.0)
    rare = [f"{label} ({times[label] / 60:.1f} min)" for label in survey.labels if times.get(label, most) < RARE * most]
    if rare:
        yield DataFinding(Weight.NOTES, f"less than {RARE:.0%} of the most frequent activity's time: {listed(rare)}")
    unasked = survey.unasked(classes)
    if not times:
        others = f" of the classes {', '.join(classes)}; the labels are {listed(unasked)}" if unasked else ""
        yield DataFinding(Weight.STOPS, f"no reading has a label{others}: there is nothing to train on")
    if unasked:
        seconds = survey.label_seconds()
        rows = sum(survey.rows[label] for label in unasked)
        named = listed(f"{label} ({seconds[label]:,.0f} s)" for label in unasked)
        yield DataFinding(
            Weight.NOTES,
            f"{rows:,} readings have a label that is none of the classes and count as null rows: {named}. To train on "
            "one of them, name it with --classes",
        )


def _users(survey: Survey, fewest: int, classes: Sequence[str]) -> Iterator[DataFinding]:
    labels = [label for label in survey.labels if label in classes]
    users = survey.users
    poor = [
        f"{user} ({count})"
        for user in users
        if (count := sum(survey.windows.get((user, label), 0) for label in labels)) < fewest
    ]
    if poor:
        yield DataFinding(Weight.WARNS, f"fewer than {fewest} windows with an activity: user {listed(poor)}")
    scarce: dict[str, list[str]] = {}
    for label in labels:
        absent = [user for user in users if not survey.seconds.get((user, label))]
        if absent:
            yield DataFinding(
                Weight.WARNS, f"{label} is missing for {len(absent)} of {len(users)} users: {listed(absent)}"
            )
        few = [
            f"{user} ({survey.windows.get((user, label), 0)})"
            for user in users
            if user not in absent and survey.windows.get((user, label), 0) < fewest
        ]
        if few:
            scarce.setdefault(_name_users(few, len(users)), []).append(label)
    if scarce:
        details = "; ".join(f"{', '.join(few)} of {whom}" for whom, few in scarce.items())
        yield DataFinding(Weight.NOTES, f"fewer than {fewest} windows of a user: {details}")


def _name_users(names: Sequence[str], among: int) -> str:
    if len(names) <= _MOST_USERS:
        return ", ".join(names)
    return f"all {among} users" if len(names) == among else f"{len(names)} of {among} users"
