"""What is wrong with a data set, or good to know before training on it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median_low

from har.activity_names import meant_label
from har.recordings import NULL_LABEL
from har.windows import MICROSECONDS
from trainer.data_report.survey import Survey
from trainer.sources.checks import RATE_TOLERANCE, rate_fault

#: Magnitudes of a phone at rest, m/s²: real phones read gravity as 8.4 to 10.1 (Stisen et al., SenSys 2015).
GRAVITY = (7.5, 12.5)
#: A label of less time than this share of the most frequent one's is rare.
RARE = 0.05
_NAMED = 6
_FEW = 3


class Weight(StrEnum):
    """How much a finding matters, the worst first."""

    #: Training rejects the data set.
    STOPS = "stops training"
    #: It can be trained on, but the result may be bad.
    WARNS = "look at this"
    #: No fault, but worth knowing.
    NOTES = "good to know"


@dataclass(frozen=True)
class DataFinding:
    """One thing that was found: what it is, and what to do."""

    weight: Weight
    text: str


def findings_of(survey: Survey, fewest_windows: int) -> list[DataFinding]:
    """Judge what a data set holds; the worst comes first.

    Parameters
    ----------
    survey : Survey
        What it holds.
    fewest_windows : int
        A user, or an activity of a user, with fewer windows is pointed out.
    """
    found = [
        *_readings(survey),
        *_rates(survey),
        *_labels(survey),
        *_users(survey, fewest_windows),
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
        usual = survey.median_gravity(model)
        if not GRAVITY[0] <= usual <= GRAVITY[1]:
            guess = "are they in g?" if 0.7 <= usual <= 1.3 else "is gravity missing?"
            yield DataFinding(
                Weight.WARNS, f"{model}: half of all readings are below {usual:.1f} m/s² in magnitude; {guess}"
            )
    zeros = [(name, count) for name, count in survey.zeros.most_common() if count]
    if zeros:
        yield DataFinding(
            Weight.NOTES,
            f"{survey.zeros.total():,} readings of {len(zeros)} sessions are exactly zero on all axes, which gravity "
            f"forbids: the recorder filled them in. The most, {zeros[0][1]:,}: {zeros[0][0]}",
        )
    repeats = sum(session.repeats for session in survey.sessions)
    if repeats:
        yield DataFinding(Weight.NOTES, f"{repeats:,} readings came twice; they count once")


def _rates(survey: Survey) -> Iterator[DataFinding]:
    usual: dict[str, float] = {}
    for model in {session.model for session in survey.sessions}:
        rates = [
            session.rate_hz
            for session in survey.sessions
            if session.model == model and session.rate_hz and rate_fault(session, survey.rate_hz) is None
        ]
        usual[model] = median_low(rates) if rates else 0.0
    for session in survey.sessions:
        fault = rate_fault(session, survey.rate_hz)
        if fault is not None:
            yield DataFinding(Weight.STOPS, f"{session.name}: {fault}")
        elif session.rate_hz and abs(session.rate_hz - usual[session.model]) > RATE_TOLERANCE * usual[session.model]:
            yield DataFinding(
                Weight.WARNS,
                f"{session.name}: sampled at {session.rate_hz:.1f} Hz, "
                f"while half of the sessions of a {session.model} are at {usual[session.model]:.1f} Hz or below",
            )
    broken = [session for session in survey.sessions if session.gaps]
    if broken:
        worst = max(broken, key=lambda session: session.longest_gap_us)
        yield DataFinding(
            Weight.NOTES,
            f"{len(broken)} of {len(survey.sessions)} sessions have gaps of more than 1 s, "
            f"{sum(session.gaps for session in broken):,} in all; no window crosses one. "
            f"The longest, {worst.longest_gap_us / MICROSECONDS:,.0f} s: {worst.name}",
        )


def _labels(survey: Survey) -> Iterator[DataFinding]:
    for label in survey.labels:
        meant = meant_label(label)
        if meant is not None:
            yield DataFinding(Weight.STOPS, f"unknown label {label!r}: is it {meant!r}?")
    times = {label: seconds for label, seconds in survey.label_seconds().items() if label != NULL_LABEL}
    most = max(times.values(), default=0.0)
    rare = [f"{label} ({times[label] / 60:.1f} min)" for label in survey.labels if times.get(label, most) < RARE * most]
    if rare:
        yield DataFinding(
            Weight.NOTES, f"less than {RARE:.0%} of the time of the most frequent activity: {_some(rare)}"
        )
    if not times:
        yield DataFinding(Weight.STOPS, "no reading has a label: there is nothing to learn")


def _users(survey: Survey, fewest: int) -> Iterator[DataFinding]:
    labels = [label for label in survey.labels if label != NULL_LABEL]
    users = survey.users
    poor = [
        f"{user} ({count})"
        for user in users
        if (count := sum(survey.windows.get((user, label), 0) for label in labels)) < fewest
    ]
    if poor:
        yield DataFinding(Weight.WARNS, f"fewer than {fewest} windows with an activity: user {_some(poor)}")
    scarce: dict[str, list[str]] = {}
    for label in labels:
        absent = [user for user in users if not survey.seconds.get((user, label))]
        if absent:
            yield DataFinding(
                Weight.WARNS, f"{label} is missing for {len(absent)} of {len(users)} users: {_some(absent)}"
            )
        few = [
            f"{user} ({survey.windows.get((user, label), 0)})"
            for user in users
            if user not in absent and survey.windows.get((user, label), 0) < fewest
        ]
        if few:
            scarce.setdefault(_those(few, len(users)), []).append(label)
    if scarce:
        said = "; ".join(f"{', '.join(few)} of {whose}" for whose, few in scarce.items())
        yield DataFinding(Weight.NOTES, f"fewer than {fewest} windows of a user: {said}")


def _those(names: Sequence[str], among: int) -> str:
    if len(names) <= _FEW:
        return ", ".join(names)
    return f"all {among} users" if len(names) == among else f"{len(names)} of {among} users"


def _some(names: Sequence[str]) -> str:
    if len(names) <= _NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"
