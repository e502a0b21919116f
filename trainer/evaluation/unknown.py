"""The prediction unknown, for windows of none of the classes: its rates, and the choice of its thresholds.

They are chosen on validation users: the strictest ones that turn at most a given share of the correct predictions into
unknown. For a network that knows kinds of background, that is the largest sum of their probabilities; the placements
of the phone count equally. For another, it is the least probability of a class, and the share holds for each placement
separately, because a network has less confidence for placements with few training users, which would otherwise lose
most predictions.
"""

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from har.activity_names import NULL_LABEL
from har.decisions import NO_THRESHOLDS, Thresholds, kinds_named
from har.recordings import device_of
from har.scoring import equal_shares
from recording_files.data_sets import placement_of
from recording_files.known_data_sets import KNOWN_DATA_SETS, SIMULATED
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
        Number of windows of the classes, and of windows with another label. Windows whose activity is not known
        (``null``) do not count: they may show any.
    known_predicted_unknown : float
        Share of the windows of the classes that is predicted as unknown; 0 without such windows. In
        JSON ``known_answered_unknown``.
    false_activity_rate : float or None
        Mean of `by_label`; None without such windows. A mean over windows would depend on how long each was recorded.
    by_label : dict of str to float
        False-activity rate of each kind of background, and each other label that is no class: the share of its
        windows that is predicted as an activity. Simulated windows have an entry of their own, such as
        ``table (simulated)``.
    kinds_named : dict of str to float
        By kind of background: the share of its windows for which the prediction names this kind.
    """

    known_windows: int
    outside_windows: int
    known_predicted_unknown: float = msgspec.field(name="known_answered_unknown")
    false_activity_rate: float | None
    by_label: dict[str, float]
    kinds_named: dict[str, float] = {}


class ThresholdChoice(msgspec.Struct, frozen=True):
    """A threshold, and its effect on the windows that it was chosen on.

    Attributes
    ----------
    threshold : float
        Value of the manifest's `decision_threshold`.
    largest_background : float
        Value of the manifest's `background.largest_share`; 1 for a network without background.
    cost : float
        Share of the correct predictions that it was allowed to turn into unknown.
    accuracy_before, accuracy_after : float
        Accuracy on windows of the classes, without and with the threshold; unknown counts as wrong.
    before, after : UnknownRates
        Rates without and with the threshold.
    """

    threshold: float
    largest_background: float
    cost: float
    accuracy_before: float
    accuracy_after: float
    before: UnknownRates
    after: UnknownRates

    @property
    def thresholds(self) -> Thresholds:
        """The thresholds, as the manifest has them."""
        return _with_kind(Thresholds(self.threshold, self.largest_background))


def unknown_rates(outcomes: Outcomes, thresholds: Thresholds) -> UnknownRates:
    """Count how often windows of the classes are unknown, and how often other windows are not."""
    known = outcomes.known
    unknown = outcomes.predictions(thresholds) == len(outcomes.classes)
    shown = _shown(outcomes)
    rates = {label: float((~unknown)[windows].mean()) for label, windows in shown.items()}
    return UnknownRates(
        known_windows=int(known.sum()),
        outside_windows=sum(int(windows.sum()) for windows in shown.values()),
        known_predicted_unknown=float(unknown[known].mean()) if known.any() else 0.0,
        false_activity_rate=float(np.mean(list(rates.values()))) if rates else None,
        by_label=rates,
        kinds_named=_kinds_named(outcomes, thresholds),
    )


def _shown(outcomes: Outcomes) -> dict[str, NDArray[np.bool_]]:
    """Return by label that is no class: the windows that show it. Simulated windows count apart from recorded ones."""
    is_simulated = np.array([device_of(person) == SIMULATED for person in outcomes.people.tolist()], np.bool_)
    shown = {}
    for number in np.unique(outcomes.truth[~outcomes.known]).tolist():
        label = outcomes.labels[number]
        for name, selected in ((label, ~is_simulated), (f"{label} (simulated)", is_simulated)):
            windows = selected & (outcomes.truth == number)
            if label != NULL_LABEL and windows.any():
                shown[name] = windows
    return shown


def _kinds_named(outcomes: Outcomes, thresholds: Thresholds) -> dict[str, float]:
    classes, outputs = len(outcomes.classes), outcomes.probabilities.shape[1]
    named = kinds_named(outcomes.probabilities, thresholds, classes)
    shown = [number for number in range(classes, outputs) if (outcomes.truth == number).any()]
    return {outcomes.labels[number]: float((named[outcomes.truth == number] == number).mean()) for number in shown}


def choose_threshold(outcomes: Outcomes, *, cost: float = UNKNOWN_COST) -> ThresholdChoice:
    """Choose the thresholds on validation users.

    Parameters
    ----------
    outcomes : Outcomes
        Predictions for people that were not trained on; they may include windows of none of the classes.
    cost : float
        Share of the correct predictions that may become unknown; from 0 to below 1.

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
    right = outcomes.known & (outcomes.predictions(NO_THRESHOLDS) == outcomes.truth)
    if not right.any():
        raise ThresholdError("no prediction for the validation users is correct: cannot choose a threshold")
    placements = np.array([_known_placement(person) for person in outcomes.people.tolist()], np.str_)
    choose = _strictest_background if outcomes.kinds else _highest_decision
    thresholds = _with_kind(choose(outcomes.take(right), placements[right], cost))
    return ThresholdChoice(
        threshold=thresholds.decision,
        largest_background=thresholds.background,
        cost=cost,
        accuracy_before=_accuracy(outcomes, NO_THRESHOLDS),
        accuracy_after=_accuracy(outcomes, thresholds),
        before=unknown_rates(outcomes, NO_THRESHOLDS),
        after=unknown_rates(outcomes, thresholds),
    )


def _with_kind(thresholds: Thresholds) -> Thresholds:
    """Return thresholds with which a kind of background is named if it alone makes a window unknown.

    Calibrated for daily use, even a clear table has no large probability.
    """
    return thresholds._replace(kind=min(NO_THRESHOLDS.kind, thresholds.background))


def _highest_decision(right: Outcomes, placements: NDArray[np.str_], cost: float) -> Thresholds:
    """Return the highest decision threshold that costs each placement at most a share of its right predictions."""
    confidence = right.confidence
    return Thresholds(min(_highest(confidence[placements == name], cost) for name in np.unique(placements)))


def _strictest_background(right: Outcomes, placements: NDArray[np.str_], cost: float) -> Thresholds:
    """Return the smallest share of background that costs at most a share of the right predictions, on average."""
    weights = equal_shares(placements)
    order = np.argsort(-right.background, kind="stable")
    allowed = int(np.searchsorted(np.cumsum(weights[order]), cost, side="right"))
    share = float(right.background[order][min(allowed, len(order) - 1)])
    return Thresholds(0.0, min(1.0, math.ceil(share * STEPS) / STEPS))


def _known_placement(person: str) -> str:
    """Return the placement of a known data set; empty for all others, which are too small to count separately."""
    return placement_of(person) if device_of(person) in KNOWN_DATA_SETS else ""


def _highest(confidence: NDArray[np.float64], cost: float) -> float:
    """Return the highest threshold such that at most a share of the confidences is below it."""
    allowed = int(cost * len(confidence))
    # At most one step below 1: a manifest rejects 1, which no probability could reach.
    return min(math.floor(float(np.sort(confidence)[allowed]) * STEPS), STEPS - 1) / STEPS


def _accuracy(outcomes: Outcomes, thresholds: Thresholds) -> float:
    known = outcomes.known
    return float((outcomes.predictions(thresholds) == outcomes.truth)[known].mean())
