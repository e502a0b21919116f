"""The measures of an evaluation: accuracy, macro-F1, each class, each user, calibration, unknown."""

import msgspec
import numpy as np

from har.answers import UNKNOWN
from har.releases import ClassScore, Scores
from har.scoring import scores
from trainer.evaluation.calibration import Calibration, calibration
from trainer.evaluation.outcomes import Outcomes
from trainer.evaluation.unknown import UnknownRates, unknown_rates


class GroupScore(msgspec.Struct, frozen=True):
    """How right the answers are for one user, or one model of phone.

    Attributes
    ----------
    name : str
        ``device/user``, or the model.
    windows : int
        Their windows of the classes.
    accuracy, macro_f1 : float
        Over those; `macro_f1` over the classes that occur.
    """

    name: str
    windows: int
    accuracy: float
    macro_f1: float


class Spread(msgspec.Struct, frozen=True):
    """How macro-F1 differs between users.

    Attributes
    ----------
    worst_user : str
        Who has the lowest.
    worst, lower_quartile, median, upper_quartile, best : float
        Of all users; quartiles by linear interpolation.
    """

    worst_user: str
    worst: float
    lower_quartile: float
    median: float
    upper_quartile: float
    best: float


class Measures(msgspec.Struct, frozen=True):
    """How right a network is.

    Attributes
    ----------
    windows : int
        Windows of the classes.
    accuracy, macro_f1 : float
        Over those; a window answered unknown is not right.
    per_class : dict of str to ClassScore
        By true class.
    classes, answers : list of str
        Order of the rows and of the columns of `confusion`; ``unknown`` is among the answers if there is a threshold.
    confusion : list of list of int
        Windows by true class and answer.
    threshold : float
        An answer with a smaller probability was unknown.
    users, models : list of GroupScore
        By name.
    spread : Spread
        Over users.
    calibration : Calibration
        Of the most probable class.
    unknown : UnknownRates
        How often windows were unknown, and should have been.
    """

    windows: int
    accuracy: float
    macro_f1: float
    per_class: dict[str, ClassScore]
    classes: list[str]
    answers: list[str]
    confusion: list[list[int]]
    threshold: float
    users: list[GroupScore]
    models: list[GroupScore]
    spread: Spread
    calibration: Calibration
    unknown: UnknownRates

    @property
    def scores(self) -> Scores:
        """What a release's manifest states of it."""
        return Scores(self.accuracy, self.macro_f1, self.per_class)


def measure(outcomes: Outcomes, threshold: float = 0.0) -> Measures:
    """Measure what a network answered.

    Parameters
    ----------
    outcomes : Outcomes
        At least one window must show one of the classes.
    threshold : float
        An answer with a smaller probability is unknown.

    Raises
    ------
    ValueError
        If no window shows one of the classes.
    """
    known = outcomes.take(outcomes.known)
    if not len(known):
        raise ValueError(f"no window shows one of the classes ({', '.join(outcomes.classes)})")
    confusion = known.confusion(threshold)
    found = scores(confusion, known.classes)
    users = group_scores(known, "people", threshold)
    answers = [*known.classes, UNKNOWN] if threshold > 0 else list(known.classes)
    right = known.answers(0.0) == known.truth
    return Measures(
        windows=len(known),
        accuracy=found.accuracy,
        macro_f1=found.macro_f1,
        per_class=found.per_class,
        classes=list(known.classes),
        answers=answers,
        confusion=confusion[:, : len(answers)].tolist(),
        threshold=threshold,
        users=users,
        models=group_scores(known, "models", threshold),
        spread=spread(users),
        calibration=calibration(known.probabilities.max(axis=1), right),
        unknown=unknown_rates(outcomes, threshold),
    )


def group_scores(known: Outcomes, group: str, threshold: float) -> list[GroupScore]:
    """Score each user (`group` ``"people"``) or each model (``"models"``) by itself, ordered by name."""
    names = getattr(known, group)
    found = []
    for name in np.unique(names).tolist():
        confusion = known.take(names == name).confusion(threshold)
        result = scores(confusion, known.classes)
        found.append(GroupScore(name, int(confusion.sum()), result.accuracy, result.macro_f1))
    return found


def spread(users: list[GroupScore]) -> Spread:
    """Say how macro-F1 differs between users; there must be at least one."""
    worst = min(users, key=lambda user: user.macro_f1)
    quantiles = np.quantile([user.macro_f1 for user in users], [0, 0.25, 0.5, 0.75, 1])
    return Spread(worst.name, *map(float, quantiles))
