"""What a candidate must reach to pass the gate."""

from collections.abc import Mapping
from dataclasses import dataclass

from har.releases import ArtifactFormat
from trainer.freezing.budgets import Budget, budgets_of
from trainer.gate.bootstrap import CONFIDENCE, RESAMPLES


@dataclass(frozen=True, kw_only=True)
class GateLimits:
    """What a candidate must reach.

    Attributes
    ----------
    formats : mapping of str to Budget
        The formats that there must be, and what each must keep to.
    fewest_users : int
        With fewer comparable people nothing can be said.
    confidence, resamples, seed : float, int, int
        Of the bootstrap, see `trainer.gate.bootstrap.paired_difference`.
    class_margin, model_margin : float
        By how much F1 of a class, and macro-F1 of a model of phone, may fall.
    first_macro_f1 : float
        What a candidate must reach where there is no current release to compare it with.
    known_unknown : float
        Largest share of windows of the classes that may be answered unknown.
    milliseconds : float
        Longest time that each format may take to classify one window.
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
    """Return the limits of a network of `trainer.fitting.networks.NETWORKS`, whose formats keep to their budgets."""
    return GateLimits(formats=budgets_of(network).by_format)
