"""Ties: decisions that change if probabilities differ by no more than the tolerance of an audit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from har.decisions import UNKNOWN, Decision, Thresholds, decide
from har.predictions import Prediction


@dataclass(frozen=True)
class Outputs:
    """The expected probabilities of a window.

    Attributes
    ----------
    classes, background : dict of str to float
        By class, and by kind of background.
    is_classified : bool
        Whether a network was asked; otherwise the window is unknown.
    """

    classes: dict[str, float]
    background: dict[str, float]
    is_classified: bool = True

    @classmethod
    def of(
        cls, classes: Sequence[str], kinds: Sequence[str], probabilities: Sequence[float], *, is_classified: bool
    ) -> Self:
        """Return probabilities by name, in the order of the release; a window that is not classified has no kinds."""
        count = len(classes)
        of_kinds = dict(zip(kinds, probabilities[count:], strict=True)) if is_classified else {}
        return cls(dict(zip(classes, probabilities[:count], strict=True)), of_kinds, is_classified)

    @property
    def all(self) -> dict[str, float]:
        """All probabilities by name."""
        return self.classes | self.background

    def decision(self, thresholds: Thresholds) -> Decision:
        """Return what is expected to be predicted."""
        if not self.is_classified:
            return Decision(UNKNOWN, 0.0)
        return decide(self.classes, thresholds, self.background)


@dataclass(frozen=True)
class Ties:
    """Decides whether an unexpected prediction is right within the tolerance.

    Attributes
    ----------
    right : Outputs
        The expected probabilities.
    thresholds : Thresholds
        The release's thresholds.
    tolerance : float
        Largest difference of probabilities that count as equal. With 0 nothing is a tie.
    """

    right: Outputs
    thresholds: Thresholds
    tolerance: float

    def allow(self, prediction: Prediction) -> bool:
        """Return whether two probabilities, or one and a threshold, changed places within the tolerance.

        The sum of the background may differ by the tolerance of each kind.
        """
        if not self.tolerance > 0:
            return False
        largest, share = max(self.right.classes.values()), sum(self.right.background.values())
        of_sum = len(self.right.background) * self.tolerance
        if prediction.activity == UNKNOWN:
            may_be_unsure = self.thresholds.decision > 0 and largest <= self.thresholds.decision + self.tolerance
            return may_be_unsure or share > self.thresholds.background - of_sum
        behind = largest - self.right.classes.get(prediction.activity, -math.inf)
        reaches = largest >= self.thresholds.decision - self.tolerance
        return reaches and share <= self.thresholds.background + of_sum and behind <= 2 * self.tolerance

    def allow_kind(self, prediction: Prediction) -> bool:
        """Return whether the prediction's kind, or that it has none, is right within the tolerance."""
        if not self.tolerance > 0:
            return False
        if prediction.activity != UNKNOWN:
            return prediction.kind is None
        largest = max(self.right.background.values(), default=0.0)
        if prediction.kind is None:
            return largest <= self.thresholds.kind + self.tolerance
        found = self.right.background.get(prediction.kind, -math.inf)
        return found >= self.thresholds.kind - self.tolerance and largest - found <= 2 * self.tolerance
