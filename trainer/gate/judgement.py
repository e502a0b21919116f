"""The gate: whether a candidate is good enough to take the current release's place.

Both networks are compared on the same people, whom neither was trained on, by their most probable classes: a
threshold for unknown costs known windows by design and shall neither help nor hurt here; it has a limit of its own.
Every check is kept with its value and its limit, whether it passed or not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from har.process.whole_files import write_whole
from har.releases import Artifact
from trainer.gate.checks import (
    Contender,
    GateCheck,
    comparison_checks,
    first_checks,
    format_checks,
    people_check,
    succession_checks,
    unknown_check,
)
from trainer.gate.limits import GateLimits
from trainer.sources.splits import RESERVED_TEST_USERS

GATE_FILE = "gate.json"


class GateError(ValueError):
    """What the gate was given cannot be judged at all; the text says what is wrong with it."""


class GateResult(msgspec.Struct, frozen=True):
    """What the gate decided, and why.

    Attributes
    ----------
    passed : bool
        Whether the candidate may be published: every check passed.
    reason : str
        In a sentence.
    candidate : str
        The candidate's release.
    current : str or None
        The release it was compared with.
    people : list of str
        On whom; ``device/user``.
    checks : list of GateCheck
        Everything that was looked at.
    """

    passed: bool
    reason: str
    candidate: str
    current: str | None
    people: list[str]
    checks: list[GateCheck]


def judge(
    candidate: Contender,
    current: Contender | None,
    artifacts: Sequence[Artifact],
    limits: GateLimits,
    wearers: Mapping[str, str] | None = None,
    *,
    attempts: int = 1,
) -> GateResult:
    """Decide whether a candidate may be published.

    Parameters
    ----------
    candidate : Contender
        The new network.
    current : Contender, optional
        The release in use; None if there is none.
    artifacts : sequence of Artifact
        The candidate's frozen forms, as freezing measured them. What was not measured does not pass.
    limits : GateLimits
        What it must reach.
    wearers : mapping of str to str, optional
        Whose human being each person (``device/user``) is, see `trainer.preparation.wearers`: several phones of one
        count as one, and whoever was trained on with one phone is not unseen with another.
    attempts : int
        How many candidates were judged since the last publication, this one included: the more there were, the surer
        the difference must be.

    Raises
    ------
    GateError
        If a reserved test user is among the windows.
    ValueError
        If there were fewer attempts than this one.
    """
    if attempts < 1:
        raise ValueError(f"the candidate itself counts as an attempt; there cannot be {attempts}")
    reject_reserved_test_users(candidate, current)
    candidate = _by_wearer(candidate, wearers or {})
    current = _by_wearer(current, wearers or {}) if current is not None else None
    people = comparable_people(candidate, current)
    # A first release is compared with nobody's, only measured.
    fewest = 1 if current is None else limits.fewest_users
    checks = [people_check(people, fewest, personal=candidate.personal)]
    if current is not None:
        checks += succession_checks(candidate, current)
    if all(check.passed for check in checks):
        judged = _only(candidate, people)
        checks += (
            first_checks(judged, limits)
            if current is None
            else comparison_checks(judged, _only(current, people), limits, attempts)
        )
        checks.append(unknown_check(judged, limits))
    for name, budget in limits.formats.items():
        checks += format_checks(name, artifacts, budget, limits.milliseconds)
    return GateResult(
        all(check.passed for check in checks),
        _reason(checks, current),
        candidate.release,
        current.release if current is not None else None,
        people,
        checks,
    )


def reject_reserved_test_users(*contenders: Contender | None) -> None:
    """Raise if a reserved test user is among the windows; see :func:`judge`."""
    for contender in contenders:
        met = RESERVED_TEST_USERS.intersection(contender.outcomes.people.tolist()) if contender else ()
        if met:
            raise GateError(f"reserved test users must not decide what is published: {', '.join(sorted(met))}")


def comparable_people(candidate: Contender, current: Contender | None) -> list[str]:
    """Return who both have windows of the classes of, and neither was trained on."""
    people = set(candidate.outcomes.people[candidate.outcomes.known].tolist()) - set(candidate.training_users)
    if current is not None:
        people &= set(current.outcomes.people[current.outcomes.known].tolist())
        people -= set(current.training_users)
    return sorted(people)


def describe(result: GateResult) -> str:
    """Return the gate's result as a table for a person."""
    width = max(len(check.name) for check in result.checks)
    rows = [
        f"{'ok  ' if check.passed else 'FAIL'}  {check.name:<{width}}  {_number(check.value):>10}  "
        f"{check.relation:<2} {_number(check.limit):>10}  {check.detail}".rstrip()
        for check in result.checks
    ]
    return "\n".join([f"{result.candidate}: {result.reason}", *rows])


def write_gate(folder: Path, result: GateResult) -> None:
    """Write ``gate.json`` into a folder, whole or not at all."""
    write_whole(folder / GATE_FILE, msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")


def _by_wearer(contender: Contender, wearers: Mapping[str, str]) -> Contender:
    people = [wearers.get(person, person) for person in contender.outcomes.people.tolist()]
    return replace(
        contender,
        outcomes=replace(contender.outcomes, people=np.array(people, np.str_)),
        training_users=[wearers.get(person, person) for person in contender.training_users],
    )


def _only(contender: Contender, people: Sequence[str]) -> Contender:
    outcomes = contender.outcomes.take(np.isin(contender.outcomes.people, people))
    return replace(contender, outcomes=outcomes)


def _reason(checks: Sequence[GateCheck], current: Contender | None) -> str:
    failed = [_failure(check) for check in checks if not check.passed]
    if failed:
        return f"It does not pass: {'; '.join(failed)}."
    return (
        "It passes every check." if current is None else f"It is better than {current.release} and passes every check."
    )


def _failure(check: GateCheck) -> str:
    if check.value is None or not check.relation:
        return f"{check.name} ({check.detail})"
    detail = f"; {check.detail}" if check.detail else ""
    return f"{check.name} ({_number(check.value)}, must be {check.relation} {_number(check.limit)}{detail})"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}" if float(value).is_integer() and abs(value) >= 1 else f"{value:.4g}"
