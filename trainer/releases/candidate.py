"""Make a candidate from trained weights: evaluate it on held-out users, freeze it, and write its release folder."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from har.artifacts import Golden
from har.background import Background, kinds_of
from har.decisions import Thresholds
from har.process.clock import utc_text
from har.recordings import device_of
from har.releases import Normalisation, ReleaseManifest, Scores, TrainingData
from har.scoring import scores
from har.upright_rule import POSTURES, UprightRule
from recording_files.data_sets import data_set_of, placement_of, weaknesses_of, weights_licence, weights_terms
from recording_files.known_data_sets import SIMULATED
from trainer.evaluation.outcomes import Classify, Outcomes
from trainer.evaluation.temperature import fold_in
from trainer.evaluation.unknown import ThresholdChoice
from trainer.evaluation.validation import Validated, ValidationWindows, validate
from trainer.fitting.examples import Drawable
from trainer.fitting.fit import Model
from trainer.freezing import GOLDEN_TOLERANCE, Frozen, freeze_all
from trainer.releases.writing import GOLDEN_FILE, write_release
from trainer.request import TrainRequest

#: Most windows on which the formats are compared.
COMPARED_WINDOWS = 1_000


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Origin of a release, for its manifest.

    Attributes
    ----------
    request : TrainRequest
        What was trained.
    release : str
        Name of the release.
    training_users : list of str
        ``device/user`` of everybody who was trained on.
    data : list of TrainingData
        Data sets that were trained on, as their sources describe them.
    simulated : collection of str
        Kinds of background that were trained on as simulated readings only.
    """

    request: TrainRequest
    release: str
    training_users: list[str]
    data: list[TrainingData]
    simulated: Collection[str] = ()


@dataclass(frozen=True, kw_only=True)
class ReleaseFindings:
    """Results of evaluating a network on held-out windows, for the manifest.

    Attributes
    ----------
    metrics : mapping of str to Scores
        Scores by protocol and data set.
    choice : ThresholdChoice
        When a prediction is unknown, and how often it is.
    shown_for : mapping of str to list of str
        By class: the placements of the phone on which it was tested.
    personal : bool
        Whether there were too few people to hold any out.
    """

    metrics: Mapping[str, Scores]
    choice: ThresholdChoice
    shown_for: Mapping[str, list[str]]
    personal: bool = False


@dataclass(frozen=True)
class Candidate:
    """A written release folder, and the evaluation of its network on held-out users.

    Attributes
    ----------
    folder : Path
        Release folder.
    manifest : ReleaseManifest
        Manifest of the release.
    validated : Validated
        Evaluation of the calibrated network before freezing.
    """

    folder: Path
    manifest: ReleaseManifest
    validated: Validated


def make_candidate(model: Model, held_out: ValidationWindows, provenance: Provenance, folder: Path) -> Candidate:
    """Calibrate and evaluate a trained network on held-out windows, freeze it, and write its release folder.

    Parameters
    ----------
    model : tf-keras model
        The trained network. Its last layer is calibrated (`trainer.evaluation.temperature`).
    held_out : ValidationWindows
        Windows that it was not trained on.
    provenance : Provenance
        Origin of the release, for the manifest.
    folder : Path
        Release folder to write; it appears only when it is complete.

    Raises
    ------
    ValidationError
        If no prediction is correct, or predictions are not finite.
    FreezingError
        If a required format does not agree with the network or is too large.
    """
    request = provenance.request
    validated = validate(classifier(model, request.normalisation), held_out, cost=request.unknown_cost)
    fold_in(model, validated.scaling, len(request.background))
    frozen = freeze_all(
        model,
        some_windows(held_out.windows),
        steps=request.windows.steps,
        rate_hz=request.windows.rate_hz,
        normalisation=request.normalisation,
        thresholds=validated.choice.thresholds,
        kinds=len(request.background),
    )
    findings = findings_of(validated.outcomes, validated.choice, _protocol(held_out), personal=held_out.personal)
    manifest = make_manifest(provenance, frozen, findings)
    write_release(folder, manifest, frozen, weaknesses_of(provenance.training_users), replace=True)
    return Candidate(folder, manifest, validated)


def _protocol(held_out: ValidationWindows) -> str:
    return "held out in time" if held_out.personal else "held-out users"


def classifier(model: Model, normalisation: Normalisation) -> Classify:
    """Return a function that classifies windows in m/s² with a network."""
    return lambda windows: np.asarray(model(normalisation.apply(windows), training=False), np.float32)


def some_windows(windows: Drawable) -> NDArray[np.float32]:
    """Return at most `COMPARED_WINDOWS` windows, m/s², evenly spread over the given ones, to compare formats on."""
    count = len(windows)
    rows = np.unique(np.linspace(0, count - 1, min(count, COMPARED_WINDOWS)).round().astype(np.int64))
    return windows.take(rows).values


def findings_of(
    outcomes: Outcomes, choice: ThresholdChoice, protocol: str, *, personal: bool = False
) -> ReleaseFindings:
    """Return the results of evaluating a network, for the manifest.

    Parameters
    ----------
    outcomes : Outcomes
        Predictions for people that were not trained on.
    choice : ThresholdChoice
        The thresholds that they choose.
    protocol : str
        Name of the protocol.
    personal : bool
        Whether there were too few people to hold any out.
    """
    placements = _placements(outcomes)
    shown_for = {
        name: sorted(set(placements[outcomes.truth == number].tolist())) for number, name in enumerate(outcomes.classes)
    }
    return ReleaseFindings(
        metrics=held_out_scores(outcomes, choice.thresholds, protocol),
        choice=choice,
        shown_for=shown_for,
        personal=personal,
    )


def simulated_only(windows: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return the labels whose training windows are all simulated, from the number of windows by person and label."""
    recorded = {
        label
        for person, labels in windows.items()
        for label, count in labels.items()
        if count and device_of(person) != SIMULATED
    }
    return sorted({label for labels in windows.values() for label in labels} - recorded)


def _placements(outcomes: Outcomes) -> NDArray[np.str_]:
    return np.array([placement_of(person) for person in outcomes.people.tolist()], np.str_)


def held_out_scores(outcomes: Outcomes, thresholds: Thresholds, protocol: str) -> dict[str, Scores]:
    """Score a network on held-out windows of each data set and placement of the phone; unknown counts as wrong.

    Data sets differ more than placements do: the mean over them hides a phone for which the network is of little use.
    """
    data_sets = np.array([data_set_of(person) for person in outcomes.people.tolist()], np.str_)
    found = {}
    for name in np.unique(data_sets[outcomes.known]).tolist():
        selected = outcomes.take(data_sets == name)
        found[f"{protocol}, {name}"] = scores(selected.confusion(thresholds), selected.classes)
    return found


def make_manifest(provenance: Provenance, frozen: Frozen, findings: ReleaseFindings) -> ReleaseManifest:
    """Build the manifest of a release."""
    request, people = provenance.request, sorted(provenance.training_users)
    windows = request.windows
    return ReleaseManifest(
        release=provenance.release,
        created=utc_text(),
        network=request.network,
        classes=list(request.classes),
        steps=windows.steps,
        rate_hz=windows.rate_hz,
        hop_us=windows.hop_us,
        gap_us=windows.gap_us,
        normalisation=request.normalisation,
        decision_threshold=findings.choice.threshold,
        artifacts=frozen.artifacts,
        left_out=frozen.left_out,
        golden=Golden(GOLDEN_FILE, GOLDEN_TOLERANCE),
        training_users=people,
        data=provenance.data,
        metrics=dict(findings.metrics),
        weights_licence=weights_licence(provenance.data),
        personal=findings.personal,
        false_activity_rate=findings.choice.after.false_activity_rate,
        false_activity=findings.choice.after.by_label,
        shown_for=dict(findings.shown_for),
        background=_background(request, findings.choice, provenance.simulated),
        upright=UprightRule() if _can_use_a_reference(request.classes) else None,
        terms=weights_terms(provenance.data),
        signal_bounds=request.signal_bounds,
    )


def _can_use_a_reference(classes: Sequence[str]) -> bool:
    """Return whether a reference can be learned, from walking, and be used, for two postures (`har.upright`)."""
    return "walk" in classes and len(set(POSTURES) & set(classes)) > 1


def _background(request: TrainRequest, choice: ThresholdChoice, simulated: Collection[str]) -> Background | None:
    if not request.background:
        return None
    return Background(kinds_of(request.background, simulated), choice.largest_background, choice.thresholds.kind)
