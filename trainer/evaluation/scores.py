"""The scores of an evaluation: accuracy, macro-F1, scores by class and user, calibration, and unknown."""

import msgspec
import numpy as np

from har.decisions import NO_THRESHOLDS, UNKNOWN, Thresholds
from har.releases import ClassScore
from har.scoring import scores
from trainer.evaluation.calibration import Calibration, calibration
from trainer.evaluation.outcomes import Outcomes
from trainer.evaluation.unknown import UnknownRates, unknown_rates


class GroupScore(msgspec.Struct, frozen=True):
    """Scores of one user, or of one model of phone.

    Attributes
    ----------
    name : str
        ``device/user``, or the model.
    windows : int
        Number of windows of the classes.
    accuracy, macro_f1 : float
        Scores over those windows; `macro_f1` over the classes that occur.
    """

    name: str
    windows: int
    accuracy: float
    macro_f1: float


class Spread(msgspec.Struct, frozen=True):
    """Distribution of macro-F1 over users.

    Attributes
    ----------
    worst_user : str
        User with the lowest macro-F1.
    worst, lower_quartile, median, upper_quartile, best : float
        Quantiles over all users, with linear interpolation.
    """

    worst_user: str
    worst: float
    lower_quartile: float
    median: float
    upper_quartile: float
    best: float


class EvaluationScores(msgspec.Struct, frozen=True):
    """Scores of a network.

    Attributes
    ----------
    windows : int
        Number of windows of the classes.
    accuracy, macro_f1 : float
        Scores over those windows; unknown counts as wrong.
    per_class : dict of str to ClassScore
        Scores by class.
    classes, predictions : list of str
        Rows and columns of `confusion`; the columns include ``unknown`` if there is a threshold. JSON calls them
        ``answers``.
    confusion : list of list of int
        Number of windows by ground truth (rows) and prediction (columns).
    threshold : float
        Predictions with a smaller probability are unknown.
    largest_background : float
        Predictions with a larger sum of the probabilities of background are unknown.
    users, models : list of GroupScore
        Scores by user and by model of phone, ordered by name.
    spread : Spread
        Distribution of macro-F1 over users.
    calibration : Calibration
        Calibration of the most probable class.
    class_calibration : dict of str to float
        Expected calibration error of the windows for which each class is the most probable.
    unknown : UnknownRates
        Rates of the prediction unknown.
    """

    windows: int
    accuracy: float
    macro_f1: float
    per_class: dict[str, ClassScore]
    classes: list[str]
    predictions: list[str] = msgspec.field(name="answers")
    confusion: list[list[int]]
    threshold: float
    largest_background: float
    users: list[GroupScore]
    models: list[GroupScore]
    spread: Spread
    calibration: Calibration
    class_calibration: dict[str, float]
    unknown: UnknownRates


def measure(outcomes: Outcomes, thresholds: Thresholds = NO_THRESHOLDS) -> EvaluationScores:
    """Measure the predictions of a network.

    Parameters
    ----------
    outcomes : Outcomes
        Predictions, with at least one window of the classes.
    thresholds : Thresholds
        When a prediction is unknown.

    Raises
    ------
    ValueError
        If there is no window of the classes.
    """
    known = outcomes.take(outcomes.known)
    if not len(known):
        raise ValueError(f"no window is labelled with one of the classes ({', '.join(outcomes.classes)})")
    confusion = known.confusion(thresholds)
    found = scores(confusion, known.classes)
    users = group_scores(known, "people", thresholds)
    columns = [*known.classes, UNKNOWN] if thresholds != NO_THRESHOLDS else list(known.classes)
    predicted = known.predictions(NO_THRESHOLDS)
    right, confidence = predicted == known.truth, known.confidence
    return EvaluationScores(
        windows=len(known),
        accuracy=found.accuracy,
        macro_f1=found.macro_f1,
        per_class=found.per_class,
        classes=list(known.classes),
        predictions=columns,
        confusion=confusion[:, : len(columns)].tolist(),
        threshold=thresholds.decision,
        largest_background=thresholds.background,
        users=users,
        models=group_scores(known, "models", thresholds),
        spread=spread(users),
        calibration=calibration(confidence, right),
        class_calibration={
            name: calibration(confidence[predicted == number], right[predicted == number]).error
            for number, name in enumerate(known.classes)
        },
        unknown=unknown_rates(outcomes, thresholds),
    )


def group_scores(known: Outcomes, group: str, thresholds: Thresholds) -> list[GroupScore]:
    """Score each user (`group` ``"people"``) or each model of phone (``"models"``), ordered by name."""
    names = getattr(known, group)
    found = []
    for name in np.unique(names).tolist():
        confusion = known.take(names == name).confusion(thresholds)
        result = scores(confusion, known.classes)
        found.append(GroupScore(name, int(confusion.sum()), result.accuracy, result.macro_f1))
    return found


def spread(users: list[GroupScore]) -> Spread:
    """Return the distribution of macro-F1 over at least one user."""
    worst = min(users, key=lambda user: user.macro_f1)
    quantiles = np.quantile([user.macro_f1 for user in users], [0, 0.25, 0.5, 0.75, 1])
    return Spread(worst.name, *map(float, quantiles))
