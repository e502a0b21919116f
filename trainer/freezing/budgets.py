"""Limits for the size of a frozen network and its difference from the trained one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from har.artifacts import Artifact, ArtifactFormat
from trainer.freezing.agreement import AGREEMENT
from trainer.freezing.errors import FreezingError


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Limits of one format.

    Attributes
    ----------
    bytes : int
        Largest size of the file.
    largest_difference : float
        Largest difference of a probability from the trained network.
    same_prediction : float
        Least share of windows, 0 to 1, with the prediction of the trained network; 0 if `largest_difference` suffices.
    required : bool
        Whether a release must have the format. If not, a release is made without it if it exceeds a limit.
    """

    bytes: int
    largest_difference: float = 1.0
    same_prediction: float = 0.0
    required: bool = True


@dataclass(frozen=True, kw_only=True)
class Budgets:
    """Limits of all formats of one network."""

    onnx: Budget = field(default_factory=lambda: Budget(bytes=450_000, largest_difference=AGREEMENT))
    lite_float32: Budget = field(default_factory=lambda: Budget(bytes=450_000, largest_difference=AGREEMENT))
    # 8-bit weights may change probabilities, but hardly ever a prediction. Some networks do not bear the rounding.
    lite_int8: Budget = field(default_factory=lambda: Budget(bytes=130_000, same_prediction=0.99, required=False))
    frozen_graph: Budget = field(default_factory=lambda: Budget(bytes=1_000_000, largest_difference=AGREEMENT))

    @property
    def by_format(self) -> Mapping[ArtifactFormat, Budget]:
        """Budgets by the name of the format."""
        return {
            "onnx": self.onnx,
            "litert-float32": self.lite_float32,
            "litert-int8": self.lite_int8,
            "tensorflow-frozen-graph": self.frozen_graph,
        }


def budgets_of(network: str) -> Budgets:
    """Return the budgets of a network of `trainer.fitting.networks.NETWORKS`."""
    if network == "origin":
        return Budgets(lite_float32=Budget(bytes=300_000, largest_difference=AGREEMENT))
    return Budgets()


def reject_outside(artifacts: Sequence[Artifact], budgets: Budgets) -> None:
    """Reject frozen networks that exceed their budgets.

    Parameters
    ----------
    artifacts : sequence of Artifact
        The measured formats.
    budgets : Budgets
        Their limits.

    Raises
    ------
    FreezingError
        If a format exceeds a limit. The message lists all of them.
    """
    faults = [fault for artifact in artifacts for fault in _faults(artifact, budgets.by_format[artifact.format])]
    if faults:
        raise FreezingError("; ".join(faults))


def _faults(artifact: Artifact, budget: Budget) -> list[str]:
    difference, same = artifact.largest_difference, artifact.same_prediction
    faults = []
    if artifact.bytes > budget.bytes:
        faults.append(f"{artifact.format} has {artifact.bytes:,} bytes; the limit is {budget.bytes:,}")
    # None and NaN must fail too.
    if difference is None or not difference <= budget.largest_difference:
        faults.append(
            f"{artifact.format} differs by {_format(difference)} from the trained network; "
            f"the limit is {budget.largest_difference:.2g}"
        )
    if same is None or not same >= budget.same_prediction:
        faults.append(
            f"{artifact.format} gives the trained network's prediction for {_format(same)} of the windows; "
            f"at least {budget.same_prediction:.4g} is needed"
        )
    return faults


def _format(figure: float | None) -> str:
    return "an unmeasured part" if figure is None else f"{figure:.4g}"
