"""From tables of recordings to a release folder, on one machine: what ``har train`` runs."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from har.recordings import Recording
from har.releases import Golden, Normalisation, ReleaseManifest, Scores
from har.windows import WindowSpec
from trainer import freezing
from trainer.augmentation import long_steps
from trainer.data_sets import data_sets_of, weaknesses_of, weights_licence
from trainer.examples import Examples, make_examples
from trainer.placement_scores import Predictor, confusion_by_placement, scores_by_placement
from trainer.recordings import load_recordings
from trainer.release_folder import GOLDEN_FILE, write_release
from trainer.splits import STANDING_TEST_USERS, training_people, user_folds
from trainer.training import EpochProgress, FitSettings, Model, fit, show_progress

CLASSES = ("sit", "stand", "walk", "stairsup", "stairsdown")
#: Windows are divided by standard gravity, so that the network sees values around 1.
GRAVITY = Normalisation(mean=(0.0, 0.0, 0.0), scale=(9.80665, 9.80665, 9.80665))
#: How many windows the frozen formats are compared on at most.
COMPARED_WINDOWS = 1_000

Progress = Callable[[EpochProgress], None]


class TrainingDataError(ValueError):
    """There is nothing to train on, or nowhere to put the result."""


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """What is trained, and how.

    Attributes
    ----------
    network : str
        A name in `trainer.networks.NETWORKS`.
    classes : tuple of str
        The labels to tell apart, in the order of the outputs.
    windows : WindowSpec
        The windows the release classifies.
    training_hop_us : int
        Hop of the windows that are trained on, µs: denser than the release's.
    normalisation : Normalisation
        Applied by every consumer before the network.
    folds : int
        Folds of the cross-validation over the training users; 0 leaves it out.
    fit : FitSettings
        How the network is fitted.
    """

    network: str = "conv_lstm"
    classes: tuple[str, ...] = CLASSES
    windows: WindowSpec = field(default_factory=WindowSpec)
    training_hop_us: int = 500_000
    normalisation: Normalisation = GRAVITY
    folds: int = 0
    fit: FitSettings = field(default_factory=FitSettings)


def train_release(
    *,
    data: Sequence[Path],
    output: Path,
    plan: TrainingPlan | None = None,
    release: str | None = None,
    standing_test: bool = False,
    replace: bool = False,
    progress: Progress = show_progress,
) -> ReleaseManifest:
    """Train a network on recordings, freeze it, and write a release folder.

    The standing test users among the recordings are never trained on.

    Parameters
    ----------
    data : sequence of Path
        Parquet tables of labelled recordings, see `trainer.recordings.load_recordings`.
    output : Path
        The release's folder.
    plan : TrainingPlan, optional
        What is trained, and how.
    release : str, optional
        The release's name; the network's name and the time, if not given.
    standing_test : bool
        Whether the frozen network is at last evaluated on the standing test users among the recordings. Only
        for a release that is final: whoever looks and trains again has chosen by them.
    replace : bool
        Whether `output` may exist already; it is replaced only once the new release is complete.
    progress : callable
        Called after each epoch of each fit.

    Returns
    -------
    ReleaseManifest
        As written to the folder.

    Raises
    ------
    RecordingError
        If a table cannot be used.
    TrainingDataError
        If no recording has a window to train on, or the folder exists.
    FreezingError
        If a frozen form of the network is too large, or does not agree with the trained one.
    """
    plan = plan or TrainingPlan()
    if output.exists() and not replace:
        raise TrainingDataError(f"{output} exists already; choose another folder, or say that it may be replaced")
    recordings = load_recordings(data)
    train, measured = _examples(recordings, plan)
    metrics = cross_validate(train, measured, plan, progress) if plan.folds else {}
    _tell(f"fitting {plan.network} to {len(train)} windows of {len(set(train.people.tolist()))} people")
    model = _fit(train, plan, progress)
    frozen = _freeze(model, measured, plan)
    if standing_test:
        metrics |= _standing_test(freezing.onnx_predictor(frozen.files["onnx"]), recordings, plan)
    manifest = _manifest(release, frozen, train, metrics, plan)
    write_release(output, manifest, frozen, weaknesses_of(manifest.training_users), replace=replace)
    return manifest


def cross_validate(
    train: Examples, measured: Examples, plan: TrainingPlan, progress: Progress = show_progress
) -> dict[str, Scores]:
    """Measure a plan on training users by cross-validation.

    Parameters
    ----------
    train : Examples
        Long, dense windows of the training users.
    measured : Examples
        The same people's windows as the release would cut them.
    plan : TrainingPlan
        What is trained, and how; its number of folds.
    progress : callable
        Called after each epoch of each fold.

    Returns
    -------
    dict of str to Scores
        By protocol and placement, each over all folds' windows together.
    """
    total: dict[str, NDArray[np.int64]] = {}
    everybody = set(train.people.tolist())
    for number, fold in enumerate(user_folds(everybody, plan.folds), start=1):
        _tell(f"cross-validation, fold {number} of {plan.folds}: leaving out {', '.join(fold)}")
        model = _fit(train.of(everybody - set(fold)), plan, progress)
        confusions = confusion_by_placement(
            _keras_predictor(model), measured.of(fold), plan.classes, plan.normalisation
        )
        for placement, counts in confusions.items():
            total[placement] = total.get(placement, np.zeros_like(counts)) + counts
    return scores_by_placement(total, f"cross-validation in {plan.folds} folds", plan.classes)


def _examples(recordings: Sequence[Recording], plan: TrainingPlan) -> tuple[Examples, Examples]:
    allowed = set(training_people(recording.person for recording in recordings))
    theirs = [recording for recording in recordings if recording.person in allowed]
    long = msgspec.structs.replace(
        plan.windows,
        steps=long_steps(plan.windows.steps, plan.fit.augmentation),
        hop_us=plan.training_hop_us,
    )
    train = make_examples(theirs, long, plan.classes)
    measured = make_examples(theirs, plan.windows, plan.classes)
    if not len(train):
        raise TrainingDataError(
            f"no window of {long.length_us / 1e6:g} s is labelled {', '.join(plan.classes)} in the recordings of "
            f"the {len(allowed)} people that may be trained on"
        )
    return train, measured


def _fit(train: Examples, plan: TrainingPlan, progress: Progress) -> Model:
    return fit(
        plan.network,
        train,
        plan.classes,
        steps=plan.windows.steps,
        normalisation=plan.normalisation,
        settings=plan.fit,
        progress=progress,
    )


def _keras_predictor(model: Model) -> Predictor:
    return lambda windows: np.asarray(model.predict(windows, batch_size=256, verbose=0), np.float32)


def _standing_test(predict: Predictor, recordings: Sequence[Recording], plan: TrainingPlan) -> dict[str, Scores]:
    theirs = [recording for recording in recordings if recording.person in STANDING_TEST_USERS]
    examples = make_examples(theirs, plan.windows, plan.classes)
    if not len(examples):
        return {}
    confusions = confusion_by_placement(predict, examples, plan.classes, plan.normalisation)
    return scores_by_placement(confusions, "standing test users", plan.classes)


def _freeze(model: Model, measured: Examples, plan: TrainingPlan) -> freezing.Frozen:
    compared = measured.values[:: max(1, len(measured) // COMPARED_WINDOWS)]
    frozen = freezing.freeze_all(
        model,
        compared,
        steps=plan.windows.steps,
        rate_hz=plan.windows.rate_hz,
        normalisation=plan.normalisation,
    )
    for artifact in frozen.artifacts:
        _tell(
            f"frozen to {artifact.format}: {artifact.bytes} bytes, {artifact.latency_ms} ms a window; on "
            f"{len(compared)} windows equal within {artifact.largest_difference:.1g}, {artifact.same_answer:.2%} "
            "same answers"
        )
    return frozen


def _manifest(
    release: str | None, frozen: freezing.Frozen, train: Examples, metrics: dict[str, Scores], plan: TrainingPlan
) -> ReleaseManifest:
    now = datetime.now(UTC).replace(microsecond=0)
    people = sorted(set(train.people.tolist()))
    return ReleaseManifest(
        release=release or f"{plan.network}-{now:%Y%m%dT%H%M%SZ}",
        created=now.isoformat(),
        network=plan.network,
        classes=list(plan.classes),
        steps=plan.windows.steps,
        rate_hz=plan.windows.rate_hz,
        hop_us=plan.windows.hop_us,
        gap_us=plan.windows.gap_us,
        normalisation=plan.normalisation,
        decision_threshold=0.0,
        artifacts=frozen.artifacts,
        golden=Golden(GOLDEN_FILE, freezing.GOLDEN_TOLERANCE),
        training_users=people,
        data=data_sets_of(people),
        metrics=metrics,
        weights_licence=weights_licence(people),
    )


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
