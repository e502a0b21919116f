"""How large a frozen network may be, and how far from the trained one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from har.releases import Artifact, ArtifactFormat
from trainer.freezing.agreement import AGREEMENT
from trainer.freezing.errors import FreezingError


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What one format must keep to.

    Attributes
    ----------
    bytes : int
        Largest size of the file.
    largest_difference : float
        Largest difference of a probability to the trained network's.
    same_answer : float
        Least share of windows, 0 to 1, with the trained network's answer; 0 where the difference says enough.
    """

    bytes: int
    largest_difference: float = 1.0
    same_answer: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Budgets:
    """What the formats of one network must keep to."""

    onnx: Budget = field(default_factory=lambda: Budget(bytes=450_000, largest_difference=AGREEMENT))
    lite_float32: Budget = field(default_factory=lambda: Budget(bytes=450_000, largest_difference=AGREEMENT))
    # Eight bits may move a probability, but hardly ever the answer.
    lite_int8: Budget = field(default_factory=lambda: Budget(bytes=130_000, same_answer=0.99))
    frozen_graph: Budget = field(default_factory=lambda: Budget(bytes=1_000_000, largest_difference=AGREEMENT))

    @property
    def by_format(self) -> Mapping[ArtifactFormat, Budget]:
        """The budgets by the format's name."""
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
    """Reject frozen networks that do not keep to their budgets.

    Parameters
    ----------
    artifacts : sequence of Artifact
        The frozen forms, measured.
    budgets : Budgets
        What they must keep to.

    Raises
    ------
    FreezingError
        Naming every format, figure and budget that do not fit.
    """
    faults = [fault for artifact in artifacts for fault in _faults(artifact, budgets.by_format[artifact.format])]
    if faults:
        raise FreezingError("the frozen network is out of tolerance: " + "; ".join(faults))


def _faults(artifact: Artifact, budget: Budget) -> list[str]:
    difference, same = artifact.largest_difference, artifact.same_answer
    faults = []
    if artifact.bytes > budget.bytes:
        faults.append(f"{artifact.format} has {artifact.bytes:,} bytes; allowed are {budget.bytes:,}")
    # None and NaN must fail too.
    if difference is None or not difference <= budget.largest_difference:
        faults.append(
            f"{artifact.format} differs by {_shown(difference)} from the trained network; "
            f"allowed is {budget.largest_difference:.2g}"
        )
    if same is None or not same >= budget.same_answer:
        faults.append(
            f"{artifact.format} gives the trained network's answer to {_shown(same)} of the windows; "
            f"at least {budget.same_answer:.4g} is needed"
        )
    return faults


def _shown(figure: float | None) -> str:
    return "an unmeasured part" if figure is None else f"{figure:.4g}"
