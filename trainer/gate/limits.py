"""The limits of the gate's checks."""

from collections.abc import Mapping
from dataclasses import dataclass

from har.artifacts import ArtifactFormat
from trainer.freezing.budgets import Budget, budgets_of
from trainer.gate.bootstrap import CONFIDENCE, RESAMPLES


@dataclass(frozen=True, kw_only=True)
class GateLimits:
    """Limits that a candidate must reach to pass.

    Attributes
    ----------
    formats : mapping of str to Budget
        The formats of a release, and the budget of each. It says whether the format is required.
    fewest_users : int
        Fewest comparable people.
    confidence, resamples, seed : float, int, int
        Parameters of the bootstrap, see `trainer.gate.bootstrap.paired_difference`.
    class_margin, model_margin : float
        Largest drop in F1 of a class, and in macro-F1 of a model of phone.
    first_macro_f1 : float
        Lowest macro-F1 of a candidate if there is no current release.
    known_unknown : float
        Largest share of windows of the classes that may be unknown.
    milliseconds : float
        Longest time of each format to classify one window, ms.
    """

    formats: Mapping[ArtifactFormat, Budget]
    fewest_users: int = 5
    confidence: float = CONFIDENCE
    resamples: int = RESAMPLES
    seed: int = 0
    class_margin: float = 0.03
    model_margin: float = 0.03
    first_macro_f1: float = 0.7
    known_unknown: float = 0.05
    milliseconds: float = 20.0


def limits_of(network: str) -> GateLimits:
    """Return the limits for a network of `trainer.fitting.networks.NETWORKS`, with the budgets of its formats."""
    return GateLimits(formats=budgets_of(network).by_format)
