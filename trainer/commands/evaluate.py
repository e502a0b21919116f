"""`har evaluate`: measure how well a release classifies the windows of a data set, cut as in the stream."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import msgspec
import numpy as np

from har.activity_names import listed, named_class
from har.recordings import Recording, RecordingError, window_labels
from har.release_documents import ReleaseError
from har.releases import ReleaseManifest
from har.windowing import recording_windows
from model_store.onnx_classifier import OnnxClassifier
from recording_files.checking import Inspection, status_of
from recording_files.loading import load_recordings
from recording_files.stated import with_options
from trainer.evaluation.outcomes import WINDOWS_PER_CALL, Outcomes, all_labels, join_outcomes
from trainer.evaluation.scores import EvaluationScores, measure
from trainer.evaluation.tables import scores_table
from trainer.settings import EvaluateSettings

#: Stands for the label of windows whose readings have more than one label.
MIXED = "(more than one label)"
#: An error lists at most this many users of a data set.
_USERS_NAMED = 8


class Evaluation(EvaluationScores, frozen=True, kw_only=True):
    """Scores of a release on a data set.

    Attributes
    ----------
    release : str
        Name of the release.
    left_out : dict of str to int
        Number of windows not scored as a class, by label: labels that are no class of the release (counted in
        `unknown`), and mixed ones.
    unclassified : dict of str to int
        Number of labelled windows not scored because their readings tell too little to name an activity, by reason.
    met_training_users : list of str
        ``device/user`` of evaluated people that the release was trained on; their figures are too good.
    """

    release: str
    left_out: dict[str, int]
    unclassified: dict[str, int]
    met_training_users: list[str]


@dataclass(frozen=True)
class Classified:
    """Predictions of a release for recordings.

    Attributes
    ----------
    outcomes : Outcomes
        Predictions for all windows whose readings have one label.
    left_out, unclassified : dict of str to int
        As in `Evaluation`.
    """

    outcomes: Outcomes
    left_out: dict[str, int]
    unclassified: dict[str, int]


def classify_recordings(network: OnnxClassifier, recordings: Sequence[Recording]) -> Classified:
    """Classify all windows of the recordings. A window has a label if all its readings have that label.

    Raises
    ------
    RecordingError
        If no window is labelled with a class of the release.
    """
    manifest = network.manifest
    labels = all_labels(recordings, manifest.outputs)
    left_out: Counter[str] = Counter()
    unclassified: Counter[str] = Counter()
    parts = []
    for recording in recordings:
        windows = recording_windows(recording.times, recording.axes, manifest.window_spec)
        found = [
            label and named_class(label, manifest.classes)
            for label in window_labels(recording, windows.starts, manifest.window_spec)
        ]
        left_out.update(label or MIXED for label in found if label not in manifest.classes)
        reasons = windows.reasons(manifest.signal_bounds)
        labelled = [row for row, label in enumerate(found) if label in labels]
        unclassified.update(reason for row in labelled if (reason := reasons[row]) is not None)
        rows = np.array([row for row in labelled if reasons[row] is None], np.int64)
        truth = np.array([labels.index(str(found[row])) for row in rows], np.int64)
        probabilities = [np.empty((0, len(manifest.outputs)), np.float32)]
        for begin in range(0, len(rows), WINDOWS_PER_CALL):
            probabilities.append(network.probabilities(windows.values[rows[begin : begin + WINDOWS_PER_CALL]]))
        people, models = np.full(len(rows), recording.person), np.full(len(rows), recording.model)
        parts.append(Outcomes(labels, truth, np.concatenate(probabilities), people, models, len(manifest.kinds)))
    if not any(part.known.any() for part in parts):
        others = listed(labels[len(manifest.outputs) :])
        if unclassified:
            raise RecordingError(
                f"the readings of all labelled windows tell too little: {_counted(unclassified)}; see docs/windows.md"
            )
        raise RecordingError(
            f"no window is labelled with a class of the release ({', '.join(manifest.classes)}); the labels of the "
            f"recordings are {others}"
        )
    return Classified(join_outcomes(parts), dict(sorted(left_out.items())), dict(sorted(unclassified.items())))


def evaluate(network: OnnxClassifier, recordings: Sequence[Recording]) -> Evaluation:
    """Classify all windows of the recordings and score the predictions.

    Raises
    ------
    RecordingError
        If no window is labelled with a class of the release.
    """
    return _scored(network, classify_recordings(network, recordings))


def _scored(network: OnnxClassifier, classified: Classified) -> Evaluation:
    manifest = network.manifest
    met = set(classified.outcomes.people.tolist()) & set(manifest.training_users)
    return Evaluation(
        **msgspec.structs.asdict(measure(classified.outcomes, manifest.thresholds)),
        release=manifest.release,
        left_out=classified.left_out,
        unclassified=classified.unclassified,
        met_training_users=sorted(met),
    )


def describe(evaluation: Evaluation) -> str:
    """Return the evaluation as text for a terminal."""
    lines = [f"release {evaluation.release}: {scores_table(evaluation)}"]
    if evaluation.left_out:
        lines += ["", f"windows not scored as a class: {_counted(evaluation.left_out)}"]
    if evaluation.unclassified:
        lines += ["", f"windows not scored, as their readings tell too little: {_counted(evaluation.unclassified)}"]
    return "\n".join(lines)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def run(settings: EvaluateSettings) -> int:
    """Evaluate a release; return the exit status."""
    try:
        if settings.report is not None and not (find_spec("matplotlib") and find_spec("jinja2")):
            raise ReleaseError("--report needs matplotlib and jinja2: pip install 'har-stream[trainer]'")
        network = OnnxClassifier.open(settings.release)
        classified = classify_recordings(network, _recordings(settings, network.manifest))
        evaluation = _scored(network, classified)
        if settings.report is not None:
            _write_report(settings.report, network, classified, evaluation)
    except (ReleaseError, RecordingError, OSError) as error:  # OSError: the report cannot be written
        print(f"har evaluate: {error}", file=sys.stderr)
        return status_of(error)
    if evaluation.met_training_users:
        print(f"warning: {_met_warning(evaluation)}", file=sys.stderr)
    if settings.json_output:
        print(msgspec.json.format(msgspec.json.encode(evaluation), indent=2).decode())
    else:
        print(describe(evaluation))
    return 0


def _recordings(settings: EvaluateSettings, manifest: ReleaseManifest) -> list[Recording]:
    inspection = Inspection(
        force=settings.force,
        quiet=settings.quiet,
        spec=manifest.window_spec,
        bounds=manifest.signal_bounds,
        classes=manifest.classes,
        in_order=False,
    )
    recordings = load_recordings(with_options([settings.data], settings.columns()), inspection)
    if settings.users is None:
        return recordings
    requested = {name for name in map(str.strip, settings.users.split(",")) if name}
    known = {recording.user for recording in recordings}
    if not requested or requested - known:
        absent = ", ".join(sorted(requested - known)) or repr(settings.users)
        users = sorted(known)
        more = ", …" if len(users) > _USERS_NAMED else ""
        raise RecordingError(f"no user {absent} in {settings.data}, which has {', '.join(users[:_USERS_NAMED])}{more}")
    return [recording for recording in recordings if recording.user in requested]


def _met_warning(evaluation: Evaluation) -> str:
    return (
        f"The release was trained on {', '.join(evaluation.met_training_users)}: "
        "these figures do not hold for people it was not trained on."
    )


def _write_report(path: Path, network: OnnxClassifier, classified: Classified, evaluation: Evaluation) -> None:
    from trainer.evaluation.report import Section, write_report  # noqa: PLC0415 - only this option needs matplotlib

    manifest = network.manifest
    warning = _met_warning(evaluation) if evaluation.met_training_users else ""
    section = Section("Every window", classified.outcomes, manifest.thresholds, warning)
    facts = {
        "network": manifest.network,
        "created": manifest.created,
        "trained on": f"{len(manifest.training_users)} people" + (" (personal)" if manifest.personal else ""),
        "not scored as a class": _counted(evaluation.left_out) or "nothing",
        "readings tell too little": _counted(evaluation.unclassified) or "in no window",
    }
    write_report(path, f"Evaluation of {manifest.release}", [section], facts)
