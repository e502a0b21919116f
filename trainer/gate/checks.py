"""The individual checks of the gate, each with its value and limit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from har.artifacts import Artifact, ArtifactFormat
from har.decisions import NO_THRESHOLDS, Thresholds
from har.scoring import confusion_matrix
from trainer.evaluation.outcomes import Outcomes
from trainer.evaluation.tables import stated_thresholds
from trainer.evaluation.unknown import unknown_rates
from trainer.freezing.budgets import Budget
from trainer.gate.bootstrap import macro_f1, paired_difference
from trainer.gate.limits import GateLimits

NOT_MEASURED = "not measured"


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A release in the comparison.

    Attributes
    ----------
    release : str
        Name of the release.
    outcomes : Outcomes
        Predictions for held-out people.
    training_users : sequence of str
        People it was trained on, who are left out; empty if windows were held out in time.
    thresholds : Thresholds
        Thresholds of the manifest.
    personal : bool
        Whether windows were held out in time. Outcomes are then compared by session, which `people` contains.
    formats : sequence of str
        The formats of its artifacts.
    """

    release: str
    outcomes: Outcomes
    training_users: Sequence[str] = ()
    thresholds: Thresholds = NO_THRESHOLDS
    personal: bool = False
    formats: Sequence[ArtifactFormat] = ()


class GateCheck(msgspec.Struct, frozen=True):
    """Result of one check.

    Attributes
    ----------
    name : str
        Name of the check.
    value : float or None
        Measured value; None if there was nothing to measure.
    relation : {'>', '>=', '<=', ''}
        Relation of value to limit that passes; empty if the check has no limit.
    limit : float or None
        Limit of the value; None if the check has no limit.
    passed : bool
        Whether the check passed.
    detail : str
        Explanation for a person; may be empty.
    """

    name: str
    value: float | None
    relation: Literal[">", ">=", "<=", ""]
    limit: float | None
    passed: bool
    detail: str = ""


def user_confusions(outcomes: Outcomes, people: Sequence[str], classes: Sequence[str]) -> NDArray[np.int64]:
    """Count each person's windows of some classes by class and most probable prediction.

    Parameters
    ----------
    outcomes : Outcomes
        Predictions of the network.
    people : sequence of str
        People whose windows to count.
    classes : sequence of str
        Classes to count; predictions of any other class are in the last column.

    Returns
    -------
    ndarray of int64, shape (people, classes, classes + 1)
    """
    numbers = np.array([classes.index(name) if name in classes else len(classes) for name in outcomes.labels])
    truth, predicted = numbers[outcomes.truth], numbers[outcomes.predictions(NO_THRESHOLDS)]
    return np.stack(
        [
            confusion_matrix(truth[rows], predicted[rows], len(classes), unknown=True)
            for rows in ((outcomes.people == person) & (truth < len(classes)) for person in people)
        ]
    )


def people_check(people: Sequence[str], fewest: int, *, personal: bool = False) -> GateCheck:
    """Check that there are enough people, or sessions for a personal release, to compare on."""
    unit = "sessions" if personal else "people"
    reason = "too few sessions" if personal else "too few held-out people whom neither network was trained on"
    enough = len(people) >= fewest
    return GateCheck(
        f"comparable {unit}",
        len(people),
        ">=",
        fewest,
        enough,
        "" if enough else f"{reason}: cannot compare",
    )


def succession_checks(candidate: Contender, current: Contender) -> list[GateCheck]:
    """Check that the candidate serves the same people as the current release, and has all its classes."""
    checks = []
    if candidate.personal:
        detail = (
            "" if current.personal else f"a personal release cannot replace {current.release}, which serves everybody"
        )
        checks.append(GateCheck("personal like the current release", None, "", None, current.personal, detail))
    missing = [name for name in current.outcomes.classes if name not in candidate.outcomes.classes]
    detail = f"the candidate lacks {', '.join(missing)}" if missing else ""
    return [*checks, GateCheck("lost classes", len(missing), "<=", 0, not missing, detail)]


def first_checks(candidate: Contender, limits: GateLimits) -> list[GateCheck]:
    """Check a candidate when there is no current release."""
    confusion = candidate.outcomes.confusion(NO_THRESHOLDS)
    found = float(macro_f1(confusion[None])[0])
    return [_at_least("macro-F1", found, limits.first_macro_f1, "no current release to compare with")]


def comparison_checks(
    candidate: Contender, current: Contender, limits: GateLimits, attempts: int = 1
) -> list[GateCheck]:
    """Check that a candidate is better for people in general, and not much worse for any class or model of phone.

    Both must have outcomes for the same people. Each candidate that is no better may pass by chance, so the level is
    divided by the number of candidates (Bonferroni).
    """
    people = np.unique(candidate.outcomes.people).tolist()
    classes = current.outcomes.classes
    new, old = (user_confusions(contender.outcomes, people, classes) for contender in (candidate, current))
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
            checks.append(GateCheck(f"class {name}", None, "", None, True, "no windows: not checked"))
            continue
        before, after = _class_f1(old, number), _class_f1(new, number)
        checks.append(_at_least(f"class {name}", after, before - margin, f"F1; current release {before:.4f}"))
    return checks


def _class_f1(confusion: NDArray[np.int64], number: int) -> float:
    return float(2 * confusion[number, number] / (confusion[number].sum() + confusion[:, number].sum()))


def _model_checks(candidate: Contender, current: Contender, classes: Sequence[str], margin: float) -> list[GateCheck]:
    checks = []
    for model in sorted(set(candidate.outcomes.models.tolist()) & set(current.outcomes.models.tolist())):
        before, after = (_model_f1(contender.outcomes, model, classes) for contender in (current, candidate))
        if before is not None and after is not None:
            checks.append(
                _at_least(f"model {model}", after, before - margin, f"macro-F1; current release {before:.4f}")
            )
    return checks


def _model_f1(outcomes: Outcomes, model: str, classes: Sequence[str]) -> float | None:
    selected = outcomes.take(outcomes.models == model)
    confusion = user_confusions(selected, np.unique(selected.people).tolist(), classes).sum(axis=0)
    return float(macro_f1(confusion[None])[0]) if confusion.sum() else None


def unknown_check(candidate: Contender, limits: GateLimits) -> GateCheck:
    """Check that the threshold for unknown turns few windows of the classes into unknown."""
    rates = unknown_rates(candidate.outcomes, candidate.thresholds)
    detail = f"of {rates.known_windows} windows, with {stated_thresholds(candidate.thresholds)}"
    if rates.false_activity_rate is not None:
        detail += f"; false-activity rate {rates.false_activity_rate:.1%}"
    return _at_most("classes predicted as unknown", rates.known_predicted_unknown, limits.known_unknown, detail)


def lost_formats_check(artifacts: Sequence[Artifact], current: Contender) -> GateCheck:
    """Check that a candidate has every format of the current release: a device that runs a format needs it."""
    found = {artifact.format for artifact in artifacts}
    missing = [name for name in current.formats if name not in found]
    detail = f"the candidate lacks {', '.join(missing)}, which devices may run" if missing else ""
    return GateCheck("lost formats", len(missing), "<=", 0, not missing, detail)


def format_checks(
    name: ArtifactFormat, artifacts: Sequence[Artifact], budget: Budget, milliseconds: float
) -> list[GateCheck]:
    """Check that a required format exists, and that a format agrees with the network, and is small and fast enough."""
    found = {artifact.format: artifact for artifact in artifacts}
    if name not in found:
        detail = "the candidate has no artifact of this format"
        return [GateCheck(name, None, "", None, not budget.required, detail)]
    frozen = found[name]
    return [
        _at_most(f"{name}, bytes", frozen.bytes, budget.bytes),
        _at_most(f"{name}, difference", frozen.largest_difference, budget.largest_difference),
        _at_least(f"{name}, same prediction", frozen.same_prediction, budget.same_prediction),
        _at_most(f"{name}, ms a window", frozen.latency_ms, milliseconds),
    ]


# NaN fails, because every comparison with it is false.
def _at_least(name: str, value: float | None, limit: float, detail: str = "") -> GateCheck:
    if value is None:
        return GateCheck(name, None, ">=", limit, False, NOT_MEASURED)
    return GateCheck(name, value, ">=", limit, bool(value >= limit), detail)


def _at_most(name: str, value: float | None, limit: float, detail: str = "") -> GateCheck:
    if value is None:
        return GateCheck(name, None, "<=", limit, False, NOT_MEASURED)
    return GateCheck(name, value, "<=", limit, bool(value <= limit), detail)
