"""The windows of a prepared folder that were held out of training, and how a network does on them.

They choose the threshold for unknown, compare a candidate with the current release (`trainer.gate.judgement`), and give
a release's metrics. They are of people who were not trained on; or, of fewer people than can be held out, of the end of
each activity's recording.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from har.answers import UNKNOWN
from har.recordings import RecordingError
from har.windows import WindowSpec
from trainer.evaluation.outcomes import Classify, Outcomes, classify_examples
from trainer.evaluation.protocols import TIME_WARNING
from trainer.evaluation.report import Section, write_report
from trainer.evaluation.scores import Measures, measure
from trainer.evaluation.unknown import COST, ThresholdChoice, ThresholdError, choose_threshold
from trainer.preparation.pieces import PieceWindows, windows_of
from trainer.preparation.plan import VALIDATION
from trainer.preparation.shards import read_index, read_shards
from trainer.sources.splits import reject_reserved_test_users


class ValidationError(RecordingError):
    """Nothing, or too little, was held out to evaluate a network by; the text says what is missing."""


@dataclass(frozen=True, eq=False)
class ValidationWindows:
    """Windows that no network of this preparation was trained on.

    Attributes
    ----------
    windows : PieceWindows
        Of all labels; they are cut only when they are classified.
    labels : tuple of str
        The classes, then the other labels.
    classes : int
        How many of the labels are classes.
    spec : WindowSpec
        How the windows are cut: as the release cuts them.
    wearers : mapping of str to str
        Each person (``device/user``) and whose human being it is.
    personal : bool
        Whether they were held out in time instead of by user.
    """

    windows: PieceWindows
    labels: tuple[str, ...]
    classes: int
    spec: WindowSpec
    wearers: Mapping[str, str]
    personal: bool

    @property
    def warning(self) -> str:
        """Why figures on these windows must not be read as those of unseen people; empty if they may."""
        return TIME_WARNING if self.personal else ""

    @property
    def occasions(self) -> NDArray[np.str_]:
        """The person and session of each window."""
        pairs = zip(self.windows.people.tolist(), self.windows.sessions.tolist(), strict=True)
        return np.array([f"{person}, session {session}" for person, session in pairs], np.str_)

    def classify(self, classify: Classify) -> Outcomes:
        """Return what a network with this preparation's classes answers."""
        return classify_examples(classify, self.windows, self.labels, self.classes)


@dataclass(frozen=True, eq=False)
class Validated:
    """How a network does on windows that were held out.

    Attributes
    ----------
    outcomes : Outcomes
        What it answered.
    choice : ThresholdChoice
        The threshold for unknown; `choice.threshold` belongs into the manifest.
    measures : Measures
        With that threshold; `measures.scores` belongs into the manifest.
    warning : str
        As in `ValidationWindows`.
    """

    outcomes: Outcomes
    choice: ThresholdChoice
    measures: Measures
    warning: str


def read_validation(prepared: Path) -> ValidationWindows:
    """Read the held-out windows of a prepared folder; best before training, since it says what they lack.

    Parameters
    ----------
    prepared : Path
        See `trainer.preparation.shards`.

    Raises
    ------
    ShardError
        If the folder or one of its shards cannot be used.
    ValidationError
        If nothing was held out, or a class has no window.
    ReservedTestUserError
        If a reserved test user is among the people.
    """
    index = read_index(prepared)
    counts = index.windows(VALIDATION)
    reject_reserved_test_users(counts)
    shown = {label for labels in counts.values() for label in labels}
    classes = index.plan.classes
    _reject_missing(prepared, [name for name in classes if name not in shown], index.plan.windows, index.personal)
    labels = (*classes, *sorted(shown - {*classes, UNKNOWN, ""}))
    pieces = read_shards(prepared, index.of(VALIDATION))
    windows = windows_of(pieces, index.plan.windows, labels)
    return ValidationWindows(windows, labels, len(classes), index.plan.windows, index.wearers, index.personal)


def validate(classify: Classify, held_out: ValidationWindows, *, cost: float = COST) -> Validated:
    """Classify the held-out windows, choose the threshold for unknown, and measure.

    Parameters
    ----------
    classify : callable
        The network: from windows in m/s², float32 ``(n, steps, 3)``, not normalised, to probabilities.
    held_out : ValidationWindows
        The windows.
    cost : float
        Share of the right answers that unknown may cost.

    Raises
    ------
    ValidationError
        If the network is right about no window at all, or its answers are no numbers.
    """
    outcomes = held_out.classify(classify)
    broken = int((~np.isfinite(outcomes.probabilities)).any(axis=1).sum())
    if broken:
        raise ValidationError(
            f"the network's answer to {broken} of {len(outcomes.probabilities)} held-out windows is no number: its "
            "weights grew too large in training; train anew, with a lower --peak-rate or --clip-norm"
        )
    try:
        choice = choose_threshold(outcomes, cost=cost)
    except ThresholdError as error:
        raise ValidationError(str(error)) from error
    return Validated(outcomes, choice, measure(outcomes, choice.threshold), held_out.warning)


def write_validation_report(
    path: Path, title: str, validated: Validated, facts: Mapping[str, str] | None = None
) -> None:
    """Write how a network does on held-out windows as HTML; see `trainer.evaluation.report.write_report`."""
    name = "Held out in time" if validated.warning else "Held-out users"
    section = Section(name, validated.outcomes, validated.choice.threshold, validated.warning, validated.choice)
    write_report(path, title, [section], facts)


def _reject_missing(prepared: Path, missing: list[str], spec: WindowSpec, personal: bool) -> None:
    if missing:
        raise ValidationError(
            f"{prepared}: no held-out window of {spec.length_us / 1e6:g} s is labelled {', '.join(missing)}: record "
            + ("more of it" if personal else "more people showing it")
            + ", hold out a larger share, or leave it out of the classes"
        )
