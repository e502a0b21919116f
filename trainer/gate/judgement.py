"""The gate: decide whether a candidate is good enough to replace the current release.

Both networks are compared on people that neither was trained on, by their most probable classes. The threshold for
unknown is ignored in this comparison, since it turns known windows into unknown by design; it has a limit of its own.
The result contains every check with its value and limit, whether it passed or not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from har.artifacts import Artifact
from har.process.whole_files import write_whole
from trainer.gate.checks import (
    Contender,
    GateCheck,
    comparison_checks,
    first_checks,
    format_checks,
    lost_formats_check,
    people_check,
    succession_checks,
    unknown_check,
)
from trainer.gate.limits import GateLimits
from trainer.splits import RESERVED_TEST_USERS

GATE_FILE = "gate.json"


class GateError(ValueError):
    """The gate cannot judge its input; the message gives the reason."""


class GateResult(msgspec.Struct, frozen=True):
    """Decision of the gate, with its reasons.

    Attributes
    ----------
    passed : bool
        Whether every check passed, so that the candidate may be published.
    reason : str
        The decision in a sentence.
    candidate : str
        Name of the candidate's release.
    current : str or None
        Name of the current release; None if there is none.
    people : list of str
        People it was judged on, ``device/user``; sessions, for a personal release.
    checks : list of GateCheck
        Results of all checks.
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
        The new release.
    current : Contender, optional
        The release in use; None if there is none.
    artifacts : sequence of Artifact
        The candidate's frozen artifacts, as freezing measured them. An artifact that was not measured fails.
    limits : GateLimits
        Limits of the checks.
    wearers : mapping of str to str, optional
        Wearer of each person (``device/user``), see `trainer.preparation.wearers`. Several phones of one wearer count
        as one, and a wearer who was trained on with one phone is not unseen with another.
    attempts : int
        Number of candidates judged since the last publication, including this one. More attempts require a higher
        confidence.

    Raises
    ------
    GateError
        If there are windows of a reserved test user.
    ValueError
        If `attempts` is below 1.
    """
    if attempts < 1:
        raise ValueError(f"attempts must be at least 1, because the candidate counts, not {attempts}")
    reject_reserved_contenders(candidate, current)
    candidate = _merge_wearers(candidate, wearers or {})
    current = _merge_wearers(current, wearers or {}) if current is not None else None
    people = comparable_people(candidate, current)
    # A first release is only measured, not compared.
    fewest = 1 if current is None else limits.fewest_users
    checks = [people_check(people, fewest, personal=candidate.personal)]
    if current is not None:
        checks += succession_checks(candidate, current)
    if all(check.passed for check in checks):
        judged = _select(candidate, people)
        checks += (
            first_checks(judged, limits)
            if current is None
            else comparison_checks(judged, _select(current, people), limits, attempts)
        )
        checks.append(unknown_check(judged, limits))
    if current is not None:
        checks.append(lost_formats_check(artifacts, current))
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


def reject_reserved_contenders(*contenders: Contender | None) -> None:
    """Raise `GateError` if there are windows of a reserved test user; see :func:`judge`."""
    for contender in contenders:
        reserved = RESERVED_TEST_USERS.intersection(contender.outcomes.people.tolist()) if contender else ()
        if reserved:
            raise GateError(f"reserved test users must not decide what is published: {', '.join(sorted(reserved))}")


def comparable_people(candidate: Contender, current: Contender | None) -> list[str]:
    """Return people with windows of the classes in both outcomes, whom neither network was trained on."""
    people = set(candidate.outcomes.people[candidate.outcomes.known].tolist()) - set(candidate.training_users)
    if current is not None:
        people &= set(current.outcomes.people[current.outcomes.known].tolist())
        people -= set(current.training_users)
    return sorted(people)


def describe(result: GateResult) -> str:
    """Return the gate's result as text for a terminal."""
    width = max(len(check.name) for check in result.checks)
    rows = [
        f"{'ok  ' if check.passed else 'FAIL'}  {check.name:<{width}}  {_number(check.value):>10}  "
        f"{check.relation:<2} {_number(check.limit):>10}  {check.detail}".rstrip()
        for check in result.checks
    ]
    return "\n".join([f"{result.candidate}: {result.reason}", *rows])


def write_gate(folder: Path, result: GateResult) -> None:
    """Write ``gate.json`` into a folder, atomically."""
    write_whole(folder / GATE_FILE, msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")


def _merge_wearers(contender: Contender, wearers: Mapping[str, str]) -> Contender:
    people = [wearers.get(person, person) for person in contender.outcomes.people.tolist()]
    return replace(
        contender,
        outcomes=replace(contender.outcomes, people=np.array(people, np.str_)),
        training_users=[wearers.get(person, person) for person in contender.training_users],
    )


def _select(contender: Contender, people: Sequence[str]) -> Contender:
    outcomes = contender.outcomes.take(np.isin(contender.outcomes.people, people))
    return replace(contender, outcomes=outcomes)


def _reason(checks: Sequence[GateCheck], current: Contender | None) -> str:
    failed = [_failure(check) for check in checks if not check.passed]
    if failed:
        return f"The candidate fails: {'; '.join(failed)}."
    if current is None:
        return "The candidate passes every check."
    return f"The candidate is better than {current.release} and passes every check."


def _failure(check: GateCheck) -> str:
    if check.value is None or not check.relation:
        return f"{check.name} ({check.detail})"
    detail = f"; {check.detail}" if check.detail else ""
    return f"{check.name} ({_number(check.value)}, must be {check.relation} {_number(check.limit)}{detail})"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}" if float(value).is_integer() and abs(value) >= 1 else f"{value:.4g}"
