"""Measure what a personal head (`har.personal_head`) gives a wearer whose data set nobody was trained on.

    python -m benchmarks.personalisation --data hapt.parquet --data pocket.parquet … [--seconds 16 30] [--sets pocket]

Each data set is left out of training in turn. Its people label the first seconds of each of their activities. A head is
made from these, and tested on all windows that share no reading with them. Reserved test users are left out. It prints
macro-F1 over people of the classes, with the most probable class and with a threshold for the background, and how much
of the background of all data sets is called an activity with and without the heads. It needs TensorFlow, and minutes.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from har.decisions import Thresholds, decide_all
from har.personal_fitting import LabelledWindow, PersonalisationError, covered_seconds, fit_head
from har.personal_head import PersonalHead
from har.scoring import confusion_matrix, scores
from har.upright import gravity_of
from trainer.commands.baseline import CLASSES
from trainer.commands.cross_validate import network_trainer, pool_spec_of, with_chosen_outputs
from trainer.evaluation.left_out import data_set_left_out
from trainer.evaluation.outcomes import WINDOWS_PER_CALL, Classify
from trainer.evaluation.pools import Pools, make_pools
from trainer.evaluation.protocols import Fold
from trainer.evaluation.recordings_to_test import read_evaluation_data
from trainer.fitting.examples import Examples
from trainer.fitting.fit_settings import FitSettings
from trainer.request import TrainRequest

#: For networks that are not calibrated. A release has a smaller share, since calibration lowers its background.
THRESHOLDS = Thresholds(0.0, 0.5)
#: Windows of background on which each head is tried.
BACKGROUND_WINDOWS = 400
#: Fewest windows of a person that are tested.
LEAST_TESTED = 10

Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class Answered:
    """Windows, and what the network says of them."""

    examples: Examples
    probabilities: Probabilities

    def take(self, rows: NDArray[np.int64]) -> "Answered":
        """Return the windows at these indices."""
        return Answered(self.examples.take(rows), self.probabilities[rows])

    def corrected(self, head: PersonalHead) -> Probabilities:
        """Return the probabilities after a head."""
        rows = zip(self.probabilities.tolist(), self.examples.values, strict=True)
        return np.array([head.corrected(row, gravity_of(values)) or row for row, values in rows])


@dataclass(frozen=True)
class PersonFound:
    """Macro-F1 of a person, and the share of background called an activity, before and after the head."""

    person: str
    f1: tuple[float, float]
    with_threshold: tuple[float, float]
    false_activity: tuple[float, float]
    fault: str = ""


def answered(classify: Classify, examples: Examples) -> Answered:
    """Classify windows."""
    blocks = range(0, len(examples), WINDOWS_PER_CALL)
    rows = [classify(examples.values[begin : begin + WINDOWS_PER_CALL]) for begin in blocks]
    return Answered(examples, np.concatenate(rows).astype(np.float64))


def labelled(windows: Answered, pools: Pools) -> list[LabelledWindow]:
    """Return windows as a wearer's labelled ones."""
    taken = windows.examples
    columns = zip(taken.sessions, taken.starts, taken.labels, windows.probabilities, taken.values, strict=True)
    return [
        LabelledWindow(str(session), int(start), pools.labels[label], row.tolist(), gravity_of(values))
        for session, start, label, row, values in columns
    ]


def divided(examples: Examples, seconds: float, length_us: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the windows of the first seconds of each activity, and those that share no reading with them."""
    first: list[int] = []
    for label in np.unique(examples.labels).tolist():
        rows = np.flatnonzero(examples.labels == label)
        rows = rows[np.lexsort((examples.starts[rows], examples.sessions[rows]))]
        shown: list[LabelledWindow] = []
        for row in rows.tolist():
            shown.append(LabelledWindow(str(examples.sessions[row]), int(examples.starts[row]), "", [], (0, 0, 0)))
            first.append(row)
            if covered_seconds(shown, length_us) >= seconds:
                break
    used = [(str(examples.sessions[row]), int(examples.starts[row])) for row in first]
    others = [
        row
        for row, (session, start) in enumerate(zip(examples.sessions.tolist(), examples.starts.tolist(), strict=True))
        if not any(session == known and abs(start - begun) < length_us for known, begun in used)
    ]
    return np.array(first, np.int64), np.array(others, np.int64)


def macro_f1(windows: Answered, probabilities: Probabilities, pools: Pools, thresholds: Thresholds) -> float:
    """Return the macro-F1 of the classes that are shown."""
    predicted = decide_all(probabilities, thresholds, pools.classes)
    confusion = confusion_matrix(windows.examples.labels, predicted, pools.classes, unknown=True)
    return scores(confusion, pools.labels[: pools.classes]).macro_f1


def measure(
    person: str, windows: Answered, background: Answered, pools: Pools, seconds: float, length_us: int
) -> PersonFound | None:
    """Measure one person; None if too little is left to test."""
    first, others = divided(windows.examples, seconds, length_us)
    if len(others) < LEAST_TESTED:
        return None
    tested = windows.take(others)
    before = after = tested.probabilities
    outside = outside_after = background.probabilities
    outputs = pools.labels[: before.shape[1]]
    fault = ""
    try:
        shown = labelled(windows.take(first), pools)
        found = fit_head(shown, outputs, classes=pools.classes, length_us=length_us)
    except PersonalisationError as error:
        fault = str(error)
    else:
        head = found.of(person, "benchmark", outputs, pools.classes)
        after, outside_after = tested.corrected(head), background.corrected(head)

    def both(thresholds: Thresholds) -> tuple[float, float]:
        return macro_f1(tested, before, pools, thresholds), macro_f1(tested, after, pools, thresholds)

    def called(probabilities: Probabilities) -> float:
        return float((decide_all(probabilities, THRESHOLDS, pools.classes) < pools.classes).mean())

    return PersonFound(person, both(Thresholds()), both(THRESHOLDS), (called(outside), called(outside_after)), fault)


def describe(title: str, found: Sequence[PersonFound]) -> str:
    """Return the figures of one data set as text."""

    def line(name: str, pairs: Sequence[tuple[float, float]]) -> str:
        before, after = np.array(pairs).T
        worst = int(after.argmin())
        return (
            f"  {name}: {before.mean():.3f} -> {after.mean():.3f} (sd over people {after.std():.3f}); least "
            f"{found[worst].person} {after[worst]:.3f}; worse by over 0.005: {(after < before - 0.005).sum()}"
        )

    faults = [each for each in found if each.fault]
    return "\n".join(
        [
            f"{title}: {len(found)} people, {len(found) - len(faults)} heads",
            line("macro-F1", [each.f1 for each in found]),
            line("macro-F1, unknown counts as wrong", [each.with_threshold for each in found]),
            "  background called an activity: "
            + " -> ".join(f"{value:.3f}" for value in np.mean([each.false_activity for each in found], axis=0)),
            *(f"  {each.person}: {each.fault}" for each in faults),
        ]
    )


def _fold(pools: Pools, fold: Fold, request: TrainRequest, seconds: Sequence[float]) -> None:
    classify = network_trainer(request)(pools.train.take(fold.train))
    length_us = request.windows.length_us
    tested = pools.measured.take(fold.test & (pools.measured.labels < pools.classes))
    outside = np.flatnonzero((pools.measured.labels >= pools.classes) & (pools.measured.labels < len(request.outputs)))
    outside = np.random.default_rng(0).permutation(outside)[:BACKGROUND_WINDOWS]
    windows, background = answered(classify, tested), answered(classify, pools.measured.take(outside))
    for count in seconds:
        people = np.unique(tested.people).tolist()
        each = [
            measure(person, windows.take(np.flatnonzero(tested.people == person)), background, pools, count, length_us)
            for person in people
        ]
        print(describe(f"{fold.name}, {count:g} s of each activity", [found for found in each if found]), flush=True)


def argument_parser() -> argparse.ArgumentParser:
    """Return the parser of the options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.personalisation", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, action="append", required=True, help="a data set; repeat for each")
    parser.add_argument(
        "--seconds", type=float, nargs="+", default=[16.0, 30.0], help="labelled time of an activity, s"
    )
    parser.add_argument("--sets", nargs="+", help="parts of the names of the data sets to leave out; all by default")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def main() -> None:
    """Measure from command-line options."""
    options = argument_parser().parse_args()
    evaluation_data = read_evaluation_data(options.data)
    request = TrainRequest(classes=CLASSES, fit=FitSettings(epochs=options.epochs, seed=options.seed))
    request = with_chosen_outputs(request, evaluation_data)
    pools = make_pools(evaluation_data.recordings, pool_spec_of(request, evaluation_data))
    for fold in data_set_left_out(pools).folds:
        if options.sets is None or any(part.lower() in fold.name.lower() for part in options.sets):
            print(f"training {fold.name}", file=sys.stderr, flush=True)
            _fold(pools, fold, request, options.seconds)


if __name__ == "__main__":
    main()
