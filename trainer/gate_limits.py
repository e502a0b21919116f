"""What a candidate must reach to pass the gate."""

from dataclasses import dataclass, field

from trainer.bootstrap import CONFIDENCE, RESAMPLES


@dataclass(frozen=True, kw_only=True)
class FrozenFormat:
    """What freezing measured of one format of the candidate.

    Attributes
    ----------
    format : str
        As `har.releases.Artifact.format`.
    bytes : int
        Size of the file.
    largest_difference : float or None
        Largest difference of a probability to the trained network's, on held-out windows.
    same_answer : float or None
        Share of held-out windows to which it gives the trained network's answer.
    milliseconds : float or None
        Time to classify one window. What is None was not measured, and does not pass.
    """

    format: str
    bytes: int
    largest_difference: float | None
    same_answer: float | None
    milliseconds: float | None


@dataclass(frozen=True, kw_only=True)
class FormatLimit:
    """What a format may cost and how far it may be from the trained network; see `FrozenFormat`."""

    bytes: int
    largest_difference: float = 1.0
    same_answer: float = 0.99
    milliseconds: float = 20.0


def _format_limits() -> dict[str, FormatLimit]:
    return {
        "tensorflow-frozen-graph": FormatLimit(bytes=1_000_000, largest_difference=1e-4, same_answer=0.999),
        "litert-float32": FormatLimit(bytes=450_000, largest_difference=1e-4, same_answer=0.999),
        # Eight bits may move a probability, but hardly ever the answer.
        "litert-int8": FormatLimit(bytes=130_000, same_answer=0.99),
        "onnx": FormatLimit(bytes=450_000, largest_difference=1e-4, same_answer=0.999),
    }


@dataclass(frozen=True, kw_only=True)
class GateLimits:
    """What a candidate must reach.

    Attributes
    ----------
    fewest_users : int
        With fewer comparable people nothing can be said.
    confidence, resamples, seed : float, int, int
        Of the bootstrap, see `trainer.bootstrap.paired_difference`.
    class_margin, model_margin : float
        By how much F1 of a class, and macro-F1 of a model of phone, may fall.
    first_macro_f1 : float
        What a candidate must reach where there is no current release to compare it with.
    known_unknown : float
        Largest share of windows of the classes that may be answered unknown.
    formats : dict of str to FormatLimit
        The formats that there must be, and their limits.
    """

    fewest_users: int = 5
    confidence: float = CONFIDENCE
    resamples: int = RESAMPLES
    seed: int = 0
    class_margin: float = 0.03
    model_margin: float = 0.03
    first_macro_f1: float = 0.7
    known_unknown: float = 0.05
    formats: dict[str, FormatLimit] = field(default_factory=_format_limits)
