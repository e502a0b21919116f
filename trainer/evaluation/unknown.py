"""The prediction unknown, for windows of none of the classes: its rates, and the choice of its threshold.

The threshold is chosen on validation users: the highest one that turns at most a given share of the correct predictions
into unknown. The share holds for each placement of the phone separately, because a network has less confidence for
placements with few training users, which would otherwise lose most predictions.
"""

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from har.recordings import device_of
from recording_files.data_sets import KNOWN_DATA_SETS, placement_of
from trainer.defaults import UNKNOWN_COST
from trainer.evaluation.outcomes import Outcomes
from trainer.splits import reject_reserved_test_users

#: The threshold is rounded down to a multiple of 1 / `STEPS`, so that the manifest contains a short number.
STEPS = 10_000


class ThresholdError(ValueError):
    """No prediction is correct, so no threshold can be chosen."""


class UnknownRates(msgspec.Struct, frozen=True):
    """How often the prediction is unknown, and how often it should be.

    Attributes
    ----------
    known_windows, outside_windows : int
        Number of windows of the classes, and of none of them.
    known_predicted_unknown : float
        Share of the windows of the classes that is predicted as unknown; 0 without such windows. In
        JSON ``known_answered_unknown``.
    false_activity_rate : float or None
        Share of the windows of none of the classes that is predicted as an activity; None without such windows.
    by_label : dict of str to float
        False-activity rate of each label that is no class.
    """

    known_windows: int
    outside_windows: int
    known_predicted_unknown: float = msgspec.field(name="known_answered_unknown")
    false_activity_rate: float | None
    by_label: dict[str, float]


class ThresholdChoice(msgspec.Struct, frozen=True):
    """A threshold, and its effect on the windows that it was chosen on.

    Attributes
    ----------
    threshold : float
        Value of the manifest's `decision_threshold`.
    cost : float
        Share of the correct predictions that it was allowed to turn into unknown.
    accuracy_before, accuracy_after : float
        Accuracy on windows of the classes, without and with the threshold; unknown counts as wrong.
    before, after : UnknownRates
        Rates without and with the threshold.
    """

    threshold: float
    cost: float
    accuracy_before: float
    accuracy_after: float
    before: UnknownRates
    after: UnknownRates


def unknown_rates(outcomes: Outcomes, threshold: float) -> UnknownRates:
    """Count how often windows of the classes are unknown, and how often other windows are not."""
    known = outcomes.known
    unknown = outcomes.predictions(threshold) == len(outcomes.classes)
    outside = outcomes.truth[~known]
    rates = {
        outcomes.labels[number]: float((~unknown)[outcomes.truth == number].mean())
        for number in np.unique(outside).tolist()
    }
    return UnknownRates(
        known_windows=int(known.sum()),
        outside_windows=len(outside),
        known_predicted_unknown=float(unknown[known].mean()) if known.any() else 0.0,
        false_activity_rate=float((~unknown)[~known].mean()) if len(outside) else None,
        by_label=rates,
    )


def choose_threshold(outcomes: Outcomes, *, cost: float = UNKNOWN_COST) -> ThresholdChoice:
    """Choose the threshold on validation users.

    Parameters
    ----------
    outcomes : Outcomes
        Predictions for people that were not trained on; they may include windows of none of the classes.
    cost : float
        Share of the correct predictions of each placement that may become unknown; from 0 to below 1.

    Raises
    ------
    ReservedTestUserError
        If the people include a reserved test user.
    ThresholdError
        If no prediction is correct.
    ValueError
        If the cost is out of range.
    """
    reject_reserved_test_users(outcomes.people.tolist())
    if not 0 <= cost < 1:
        raise ValueError(f"the cost must be from 0 to below 1, not {cost}")
    right = outcomes.known & (outcomes.predictions(0.0) == outcomes.truth)
    if not right.any():
        raise ThresholdError("no prediction for the validation users is correct: cannot choose a threshold")
    confidence = outcomes.probabilities.max(axis=1).astype(np.float64)
    placements = np.array([_known_placement(person) for person in outcomes.people.tolist()], np.str_)
    threshold = min(
        _highest(confidence[right & (placements == placement)], cost) for placement in np.unique(placements[right])
    )
    return ThresholdChoice(
        threshold=threshold,
        cost=cost,
        accuracy_before=_accuracy(outcomes, 0.0),
        accuracy_after=_accuracy(outcomes, threshold),
        before=unknown_rates(outcomes, 0.0),
        after=unknown_rates(outcomes, threshold),
    )


def _known_placement(person: str) -> str:
    """Return the placement of a known data set; empty for all others, which are too small to count separately."""
    return placement_of(person) if device_of(person) in KNOWN_DATA_SETS else ""


def _highest(confidence: NDArray[np.float64], cost: float) -> float:
    """Return the highest threshold such that at most a share of the confidences is below it."""
    allowed = int(cost * len(confidence))
    # At most one step below 1: a manifest rejects 1, which no probability could reach.
    return min(math.floor(float(np.sort(confidence)[allowed]) * STEPS), STEPS - 1) / STEPS


def _accuracy(outcomes: Outcomes, threshold: float) -> float:
    known = outcomes.known
    return float((outcomes.predictions(threshold) == outcomes.truth)[known].mean())
