"""The answer for what is none of the classes: how well it works, and the threshold that decides it.

The threshold is chosen on validation users: the highest one that turns at most a stated share of the right answers
into unknown. It is held for each placement of the phone apart, since a network is less sure where it learnt from few
people, and those would otherwise pay for the others.
"""

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from trainer.evaluation.outcomes import Outcomes
from trainer.sources.data_sets import KNOWN_DATA_SETS, placement_of
from trainer.sources.splits import device_of, reject_reserved_test_users

#: Share of the right answers that the threshold may turn into unknown.
COST = 0.02
#: The threshold is rounded down to a multiple of 1 / this, so that the manifest states a short number.
STEPS = 10_000


class ThresholdError(ValueError):
    """There is nothing to choose a threshold by."""


class UnknownRates(msgspec.Struct, frozen=True):
    """How often the answer unknown is given, and how often it should have been.

    Attributes
    ----------
    known_windows, outside_windows : int
        Windows of the classes, and of none of them.
    known_answered_unknown : float
        Share of the windows of the classes that was answered unknown; 0 if there is none.
    false_activity_rate : float or None
        Share of the windows of none of the classes that was answered with an activity; None if there is none.
    by_label : dict of str to float
        The false-activity rate of each label that is no class.
    """

    known_windows: int
    outside_windows: int
    known_answered_unknown: float
    false_activity_rate: float | None
    by_label: dict[str, float]


class ThresholdChoice(msgspec.Struct, frozen=True):
    """A threshold, and what it does to the windows it was chosen by.

    Attributes
    ----------
    threshold : float
        For the manifest's `decision_threshold`.
    cost : float
        Share of the right answers that it was allowed to turn into unknown.
    accuracy_before, accuracy_after : float
        On windows of the classes, without and with it; unknown is not right.
    before, after : UnknownRates
        Without and with it.
    """

    threshold: float
    cost: float
    accuracy_before: float
    accuracy_after: float
    before: UnknownRates
    after: UnknownRates


def unknown_rates(outcomes: Outcomes, threshold: float) -> UnknownRates:
    """Count how often windows were answered unknown that should not have been, and the reverse."""
    known = outcomes.known
    unknown = outcomes.answers(threshold) == len(outcomes.classes)
    outside = outcomes.truth[~known]
    rates = {
        outcomes.labels[number]: float((~unknown)[outcomes.truth == number].mean())
        for number in np.unique(outside).tolist()
    }
    return UnknownRates(
        known_windows=int(known.sum()),
        outside_windows=len(outside),
        known_answered_unknown=float(unknown[known].mean()) if known.any() else 0.0,
        false_activity_rate=float((~unknown)[~known].mean()) if len(outside) else None,
        by_label=rates,
    )


def choose_threshold(outcomes: Outcomes, *, cost: float = COST) -> ThresholdChoice:
    """Choose the threshold on validation users.

    Parameters
    ----------
    outcomes : Outcomes
        What the network says of people it was not trained on; windows of none of the classes may be among them.
    cost : float
        Share of the right answers of each placement that may turn into unknown; from 0 to below 1.

    Raises
    ------
    ReservedTestUserError
        If a reserved test user is among the people.
    ThresholdError
        If no answer is right.
    ValueError
        If the cost is out of range.
    """
    reject_reserved_test_users(outcomes.people.tolist())
    if not 0 <= cost < 1:
        raise ValueError(f"the cost must be from 0 to below 1, not {cost}")
    right = outcomes.known & (outcomes.answers(0.0) == outcomes.truth)
    if not right.any():
        raise ThresholdError("no answer on the validation users is right: there is nothing to choose a threshold by")
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
    """Put phones of which nothing is known together: few windows of each would decide by their least sure ones."""
    return placement_of(person) if device_of(person) in KNOWN_DATA_SETS else ""


def _highest(confidence: NDArray[np.float64], cost: float) -> float:
    """Return the highest threshold that at most a share of these confidences stays below."""
    allowed = int(cost * len(confidence))
    # Below 1 by a step: a manifest rejects 1, and nothing could reach it.
    return min(math.floor(float(np.sort(confidence)[allowed]) * STEPS), STEPS - 1) / STEPS


def _accuracy(outcomes: Outcomes, threshold: float) -> float:
    known = outcomes.known
    return float((outcomes.answers(threshold) == outcomes.truth)[known].mean())
