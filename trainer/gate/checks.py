"""The gate's single checks, each with its value and its limit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from har.releases import Artifact, ArtifactFormat
from har.scoring import confusion_matrix
from trainer.evaluation.outcomes import Outcomes
from trainer.evaluation.unknown import unknown_rates
from trainer.freezing.budgets import Budget
from trainer.gate.bootstrap import macro_f1, paired_difference
from trainer.gate.limits import GateLimits

NOT_MEASURED = "it was not measured"


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A network that is compared.

    Attributes
    ----------
    release : str
        Its name.
    outcomes : Outcomes
        What it answered on held-out people.
    training_users : sequence of str
        Whom it was trained on, and who are therefore left out; none where windows were held out in time instead.
    threshold : float
        Its `decision_threshold`.
    personal : bool
        Whether its windows were held out in time. Its outcomes are then compared by session: `people` names those.
    """

    release: str
    outcomes: Outcomes
    training_users: Sequence[str] = ()
    threshold: float = 0.0
    personal: bool = False


class GateCheck(msgspec.Struct, frozen=True):
    """One thing that was looked at.

    Attributes
    ----------
    name : str
        What.
    value : float or None
        What was found; None where there was nothing to measure.
    relation : {'>', '>=', '<=', ''}
        How the value must stand to the limit.
    limit : float or None
        The limit.
    passed : bool
        Whether it does.
    detail : str
        What a person should know of it.
    """

    name: str
    value: float | None
    relation: Literal[">", ">=", "<=", ""]
    limit: float | None
    passed: bool
    detail: str = ""


def user_confusions(outcomes: Outcomes, people: Sequence[str], classes: Sequence[str]) -> NDArray[np.int64]:
    """Count each person's windows of some classes by class and most probable answer.

    Parameters
    ----------
    outcomes : Outcomes
        What the network answered.
    people : sequence of str
        Whose windows.
    classes : sequence of str
        Which of the network's classes count; an answer of any other stands in the last column.

    Returns
    -------
    ndarray of int64, shape (people, classes, classes + 1)
    """
    numbers = np.array([classes.index(name) if name in classes else len(classes) for name in outcomes.labels])
    truth, answers = numbers[outcomes.truth], numbers[outcomes.answers(0.0)]
    return np.stack(
        [
            confusion_matrix(truth[rows], answers[rows], len(classes), unknown=True)
            for rows in ((outcomes.people == person) & (truth < len(classes)) for person in people)
        ]
    )


def people_check(people: Sequence[str], fewest: int, *, personal: bool = False) -> GateCheck:
    """Check that there are enough people, or sessions of a personal release, to compare on."""
    who = "sessions" if personal else "people"
    lacking = "too few sessions" if personal else "too few held-out people whom no network was trained on"
    enough = len(people) >= fewest
    return GateCheck(
        f"comparable {who}",
        len(people),
        ">=",
        fewest,
        enough,
        "" if enough else f"{lacking}: nothing can be compared",
    )


def succession_checks(candidate: Contender, current: Contender) -> list[GateCheck]:
    """Check that the candidate can stand in for the current release: for everybody, and with every class it knows."""
    checks = []
    if candidate.personal:
        detail = "" if current.personal else f"a personal release says nothing of others, whom {current.release} serves"
        checks.append(GateCheck("personal like the current release", None, "", None, current.personal, detail))
    missing = [name for name in current.outcomes.classes if name not in candidate.outcomes.classes]
    detail = f"the candidate does not know {', '.join(missing)}" if missing else ""
    return [*checks, GateCheck("lost classes", len(missing), "<=", 0, not missing, detail)]


def first_checks(candidate: Contender, limits: GateLimits) -> list[GateCheck]:
    """Check a candidate that has no predecessor."""
    confusion = candidate.outcomes.confusion(0.0)
    found = float(macro_f1(confusion[None])[0])
    return [_at_least("macro-F1", found, limits.first_macro_f1, "there is no current release to compare with")]


def comparison_checks(
    candidate: Contender, current: Contender, limits: GateLimits, attempts: int = 1
) -> list[GateCheck]:
    """Check that a candidate is better for people in general, and for no class or model much worse.

    Both networks must have been given the same people. Of several candidates that are no better, each gets a chance to
    seem so on them; the level is therefore divided by how many there were (Bonferroni), so that hardly ever any does.
    """
    people = np.unique(candidate.outcomes.people).tolist()
    classes = current.outcomes.classes
    new, old = (user_confusions(each.outcomes, people, classes) for each in (candidate, current))
    confidence = 1 - (1 - limits.confidence) / attempts
    paired = paired_difference(new, old, resamples=limits.resamples, confidence=confidence, seed=limits.seed)
    detail = f"difference {paired.difference:+.4f}, {100 * confidence:.6g}% lower bound over {paired.users} people"
    if attempts > 1:
        detail += f": {limits.confidence:.0%} for all {attempts} candidates since the last publication together"
    checks = [
        GateCheck("better than the current release", paired.lower_bound, ">", 0.0, paired.lower_bound > 0, detail)
    ]
    checks += _class_checks(new.sum(axis=0), old.sum(axis=0), classes, limits.class_margin)
    return checks + _model_checks(candidate, current, classes, limits.model_margin)


def _class_checks(
    new: NDArray[np.int64], old: NDArray[np.int64], classes: Sequence[str], margin: float
) -> list[GateCheck]:
    checks = []
    for number, name in enumerate(classes):
        if not new[number].sum() or not old[number].sum():
            checks.append(GateCheck(f"class {name}", None, "", None, True, "no window of it: not judged"))
            continue
        before, after = _class_f1(old, number), _class_f1(new, number)
        checks.append(_at_least(f"class {name}", after, before - margin, f"F1; {before:.4f} today"))
    return checks


def _class_f1(confusion: NDArray[np.int64], number: int) -> float:
    return float(2 * confusion[number, number] / (confusion[number].sum() + confusion[:, number].sum()))


def _model_checks(candidate: Contender, current: Contender, classes: Sequence[str], margin: float) -> list[GateCheck]:
    checks = []
    for model in sorted(set(candidate.outcomes.models.tolist()) & set(current.outcomes.models.tolist())):
        before, after = (_model_f1(each.outcomes, model, classes) for each in (current, candidate))
        if before is not None and after is not None:
            checks.append(_at_least(f"model {model}", after, before - margin, f"macro-F1; {before:.4f} today"))
    return checks


def _model_f1(outcomes: Outcomes, model: str, classes: Sequence[str]) -> float | None:
    theirs = outcomes.take(outcomes.models == model)
    confusion = user_confusions(theirs, np.unique(theirs.people).tolist(), classes).sum(axis=0)
    return float(macro_f1(confusion[None])[0]) if confusion.sum() else None


def unknown_check(candidate: Contender, limits: GateLimits) -> GateCheck:
    """Check that the threshold for unknown does not hide the classes."""
    rates = unknown_rates(candidate.outcomes, candidate.threshold)
    detail = f"of {rates.known_windows} windows, with the threshold {candidate.threshold:g}"
    if rates.false_activity_rate is not None:
        detail += f"; false-activity rate {rates.false_activity_rate:.1%}"
    return _at_most("classes answered unknown", rates.known_answered_unknown, limits.known_unknown, detail)


def format_checks(
    name: ArtifactFormat, artifacts: Sequence[Artifact], budget: Budget, milliseconds: float
) -> list[GateCheck]:
    """Check that a format is there, agrees with the trained network, and is small and fast enough."""
    found = {each.format: each for each in artifacts}
    if name not in found:
        return [GateCheck(name, None, "", None, False, "the candidate was not frozen to this format")]
    frozen = found[name]
    return [
        _at_most(f"{name}, bytes", frozen.bytes, budget.bytes),
        _at_most(f"{name}, difference", frozen.largest_difference, budget.largest_difference),
        _at_least(f"{name}, same answer", frozen.same_answer, budget.same_answer),
        _at_most(f"{name}, ms a window", frozen.latency_ms, milliseconds),
    ]


# NaN must fail too: a comparison with it is false.
def _at_least(name: str, value: float | None, limit: float, detail: str = "") -> GateCheck:
    if value is None:
        return GateCheck(name, None, ">=", limit, False, NOT_MEASURED)
    return GateCheck(name, value, ">=", limit, bool(value >= limit), detail)


def _at_most(name: str, value: float | None, limit: float, detail: str = "") -> GateCheck:
    if value is None:
        return GateCheck(name, None, "<=", limit, False, NOT_MEASURED)
    return GateCheck(name, value, "<=", limit, bool(value <= limit), detail)
