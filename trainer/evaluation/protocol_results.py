"""Carry out a protocol, measure its predictions, and describe the results with their spread."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from har.decisions import NO_THRESHOLDS
from recording_files.data_sets import data_set_of
from trainer.evaluation import protocols
from trainer.evaluation.outcomes import Outcomes, join_outcomes
from trainer.evaluation.protocols import Protocol, Train
from trainer.evaluation.scores import EvaluationScores, GroupScore, group_scores, measure
from trainer.evaluation.tables import scores_table, stated_thresholds, unknown_table
from trainer.evaluation.temperature import calibrated, scaling_of
from trainer.evaluation.unknown import ThresholdChoice, ThresholdError, choose_threshold


class ProtocolResult(msgspec.Struct, frozen=True):
    """Result of one protocol.

    Attributes
    ----------
    protocol : str
        Name of the protocol.
    seed : int
        Seed of the split, the initial weights and the draws.
    warning : str
        Why the figures do not hold for unseen people; empty if they do.
    scores : EvaluationScores
        Scores over all folds, without a threshold for unknown; in JSON ``measures``.
    folds, data_sets : list of GroupScore
        Scores of each fold, and of each data set and placement.
    temperature, lowered_background : float
        By what the predictions of all folds are calibrated (`trainer.evaluation.temperature.Scaling`); chosen on these
        predictions.
    threshold : ThresholdChoice or None
        Threshold for unknown that these predictions would choose; None if `warning` is set or no prediction is correct.
    no_threshold : str
        Why predictions on unseen people choose no threshold; empty if they do.
    """

    protocol: str
    seed: int
    warning: str
    scores: EvaluationScores = msgspec.field(name="measures")
    folds: list[GroupScore]
    data_sets: list[GroupScore]
    temperature: float
    lowered_background: float
    threshold: ThresholdChoice | None
    no_threshold: str = ""


def evaluate_protocol(
    protocol: Protocol, train: Train, cost: float, *, seed: int = 0, report: Callable[[str], None] = lambda _: None
) -> tuple[ProtocolResult, Outcomes]:
    """Run a protocol and measure its predictions; choose a threshold only if the tested people were unseen."""
    of_folds = protocols.run(protocol, train, report)
    joined = join_outcomes(of_folds)
    scaling = scaling_of(joined)
    outcomes = calibrated(joined, scaling)
    choice, no_threshold = None, ""
    if not protocol.warning:
        try:
            choice = choose_threshold(outcomes, cost=cost)
        except ThresholdError as error:
            # Training took long: report the figures even if no prediction is correct.
            no_threshold = str(error)
    result = ProtocolResult(
        protocol.name,
        seed,
        protocol.warning,
        measure(outcomes),
        _scores_of(outcomes, _fold_names(protocol, of_folds)),
        _scores_of(outcomes, np.array([data_set_of(person) for person in outcomes.people.tolist()], np.str_)),
        scaling.temperature,
        scaling.background,
        choice,
        no_threshold,
    )
    return result, outcomes


def _fold_names(protocol: Protocol, of_folds: Sequence[Outcomes]) -> NDArray[np.str_]:
    names = [fold.name for fold in protocol.folds]
    return np.repeat(np.array(names, np.str_), [len(outcomes) for outcomes in of_folds])


def _scores_of(outcomes: Outcomes, groups: NDArray[np.str_]) -> list[GroupScore]:
    known = outcomes.known
    return group_scores(replace(outcomes, people=groups).take(known), "people", NO_THRESHOLDS)


def describe(result: ProtocolResult) -> str:
    """Return a protocol's result as text for a terminal."""
    lines = [f"{result.protocol}, seed {result.seed}: {scores_table(result.scores)}"]
    if len(result.data_sets) > 1:
        lines.append("macro-F1 by data set: " + _listed(result.data_sets))
    if len(result.folds) > 1:
        values = [fold.macro_f1 for fold in result.folds]
        lines.append(f"macro-F1 by fold: {min(values):.3f} to {max(values):.3f}")
    if result.threshold is not None:
        chosen = result.threshold
        lines.append(
            f"{stated_thresholds(chosen.thresholds)} would turn {chosen.after.known_predicted_unknown:.1%} of the "
            f"windows of the classes into unknown (accuracy {chosen.accuracy_before:.3f} to "
            f"{chosen.accuracy_after:.3f})"
        )
        lines += unknown_table(chosen.after)
    if result.no_threshold:
        lines.append(f"no threshold: {result.no_threshold}")
    if result.warning:
        lines.insert(0, f"WARNING: not a figure for unseen people. {result.warning}")
    return "\n".join(lines)


def describe_seeds(results: Sequence[ProtocolResult]) -> str:
    """Return how the results of several seeds differ, as text for a terminal; empty for one seed."""
    lines = []
    for protocol in dict.fromkeys(result.protocol for result in results):
        same = [result for result in results if result.protocol == protocol]
        if len(same) < 2:
            continue
        worst = min((result.scores.spread for result in same), key=lambda spread: spread.worst)
        lines.append(f"{protocol}, {len(same)} seeds: macro-F1 {_spread(result.scores.macro_f1 for result in same)}")
        lines += [
            f"  {name}: {_spread(_macro_f1(result, name) for result in same)}"
            for name in (group.name for group in same[0].data_sets)
        ]
        lines.append(f"  worst person: {worst.worst:.3f} ({worst.worst_user})")
    return "\n".join(lines)


def _macro_f1(result: ProtocolResult, data_set: str) -> float:
    return next((group.macro_f1 for group in result.data_sets if group.name == data_set), float("nan"))


def _spread(values: Iterable[float]) -> str:
    found = list(values)
    return f"{np.mean(found):.3f} ({min(found):.3f} to {max(found):.3f})"


def _listed(groups: Sequence[GroupScore]) -> str:
    return ", ".join(f"{group.name} {group.macro_f1:.3f}" for group in groups)
