"""The windows of a prepared folder that are held out of training, and the evaluation of a network on them.

They are used to choose the threshold for unknown, to compare a candidate with the current release
(`trainer.gate.judgement`), and for the metrics of a release. They are windows of people who were not trained on or, if
there are too few people to hold any out, of the end of each activity's recording.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from har.decisions import UNKNOWN
from har.recordings import RecordingError
from har.releases import Scores
from har.windowing import WindowSpec
from trainer.defaults import UNKNOWN_COST
from trainer.evaluation.outcomes import Classify, Outcomes, classify_examples
from trainer.evaluation.protocols import TIME_WARNING
from trainer.evaluation.report import Section, write_report
from trainer.evaluation.scores import EvaluationScores, measure
from trainer.evaluation.temperature import Scaling, calibrated, scaling_of
from trainer.evaluation.trust import few_windows, unseen_people
from trainer.evaluation.unknown import ThresholdChoice, ThresholdError, choose_threshold
from trainer.preparation.pieces import PieceWindows, windows_of
from trainer.preparation.plan import VALIDATION
from trainer.preparation.shards import read_index, read_shards
from trainer.splits import reject_reserved_test_users


class ValidationError(RecordingError):
    """The held-out windows or the predictions do not suffice for an evaluation; the message gives the reason."""


@dataclass(frozen=True, eq=False)
class ValidationWindows:
    """Held-out windows, which no network of this preparation was trained on.

    Attributes
    ----------
    windows : PieceWindows
        Windows of all labels, cut only when they are classified.
    labels : tuple of str
        The classes, then the other labels.
    classes : int
        Number of the labels that are classes.
    kinds : int
        Number of the labels after them that are kinds of background.
    spec : WindowSpec
        Windows as the release cuts them.
    wearers : mapping of str to str
        Wearer of each person (``device/user``).
    personal : bool
        Whether they are held out in time instead of by user.
    """

    windows: PieceWindows
    labels: tuple[str, ...]
    classes: int
    kinds: int
    spec: WindowSpec
    wearers: Mapping[str, str]
    personal: bool

    @property
    def warning(self) -> str:
        """Why figures on these windows do not hold for unseen people; empty if they do."""
        return TIME_WARNING if self.personal else ""

    @property
    def person_sessions(self) -> NDArray[np.str_]:
        """Person and session of each window; str ``(n,)``."""
        pairs = zip(self.windows.people.tolist(), self.windows.sessions.tolist(), strict=True)
        return np.array([f"{person}, session {session}" for person, session in pairs], np.str_)

    def doubts(self, metrics: Mapping[str, Scores]) -> list[str]:
        """Return how far scores on these windows can be trusted, in sentences."""
        scored = self.windows.people[self.windows.labels < self.classes]
        people = {self.wearers.get(person, person) for person in scored.tolist()}
        found = [unseen_people(len(people), personal=self.personal), few_windows(metrics.values(), self.spec)]
        return [sentence for sentence in found if sentence is not None]

    def classify(self, classify: Classify) -> Outcomes:
        """Classify the windows with a network that has the classes of this preparation."""
        return classify_examples(classify, self.windows, self.labels, self.classes + self.kinds, self.kinds)


@dataclass(frozen=True, eq=False)
class Validated:
    """Evaluation of a network on held-out windows.

    Attributes
    ----------
    outcomes : Outcomes
        Predictions of the network.
    choice : ThresholdChoice
        Thresholds for unknown; the manifest contains `choice.thresholds`.
    scores : EvaluationScores
        Scores with these thresholds.
    warning : str
        As in `ValidationWindows`.
    scaling : Scaling
        What must be folded into the network's last layer (`trainer.evaluation.temperature`) to predict these outcomes.
    """

    outcomes: Outcomes
    choice: ThresholdChoice
    scores: EvaluationScores
    warning: str
    scaling: Scaling


def read_validation(prepared: Path) -> ValidationWindows:
    """Read the held-out windows of a prepared folder; call it before training, to find missing classes early.

    Parameters
    ----------
    prepared : Path
        Prepared folder, see `trainer.preparation.shards`.

    Raises
    ------
    ShardError
        If the folder or one of its shards cannot be used.
    ValidationError
        If no windows are held out, or a class has none.
    ReservedTestUserError
        If the people include a reserved test user.
    """
    index = read_index(prepared)
    counts = index.windows(VALIDATION)
    reject_reserved_test_users(counts)
    found = {label for labels in counts.values() for label in labels}
    classes = index.plan.classes
    _reject_missing(prepared, [name for name in classes if name not in found], index.plan.windows, index.personal)
    labels = (*index.plan.outputs, *sorted(found - {*index.plan.outputs, UNKNOWN, ""}))
    pieces = read_shards(prepared, index.of(VALIDATION))
    windows = windows_of(pieces, index.plan.windows, labels)
    counts_of = len(classes), len(index.plan.background)
    return ValidationWindows(windows, labels, *counts_of, index.plan.windows, index.wearers, index.personal)


def validate(classify: Classify, held_out: ValidationWindows, *, cost: float = UNKNOWN_COST) -> Validated:
    """Classify the held-out windows, calibrate, choose the threshold for unknown, and compute the scores.

    Parameters
    ----------
    classify : callable
        Function from windows, float32 ``(n, steps, 3)``, m/s², not normalised, to probabilities.
    held_out : ValidationWindows
        Held-out windows.
    cost : float
        Share of the correct predictions that may become unknown.

    Raises
    ------
    ValidationError
        If no prediction is correct, or predictions are not finite.
    """
    outcomes = held_out.classify(classify)
    broken = int((~np.isfinite(outcomes.probabilities)).any(axis=1).sum())
    if broken:
        raise ValidationError(
            f"the predictions for {broken} of {len(outcomes.probabilities)} held-out windows are not finite: the "
            "weights became too large in training; train again with a lower --peak-rate or --clip-norm"
        )
    scaling = scaling_of(outcomes)
    outcomes = calibrated(outcomes, scaling)
    try:
        choice = choose_threshold(outcomes, cost=cost)
    except ThresholdError as error:
        raise ValidationError(str(error)) from error
    return Validated(outcomes, choice, measure(outcomes, choice.thresholds), held_out.warning, scaling)


def write_validation_report(
    path: Path, title: str, validated: Validated, facts: Mapping[str, str] | None = None
) -> None:
    """Write the evaluation on held-out windows as HTML; see `trainer.evaluation.report.write_report`."""
    name = "Held out in time" if validated.warning else "Held-out users"
    section = Section(name, validated.outcomes, validated.choice.thresholds, validated.warning, validated.choice)
    write_report(path, title, [section], facts)


def _reject_missing(prepared: Path, missing: list[str], spec: WindowSpec, personal: bool) -> None:
    if missing:
        raise ValidationError(
            f"{prepared}: no held-out window of {spec.length_us / 1e6:g} s is labelled {', '.join(missing)}: record "
            + ("more of it" if personal else "more people doing it")
            + ", hold out a larger share (--held-out-share), or leave it out of --classes"
        )
