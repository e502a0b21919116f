"""`har evaluate`: how right a release is on a recording, window by window, as the stream would classify it."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from har.recordings import Recording, RecordingError, window_labels
from har.releases import ClassScore, ReleaseError
from har.scoring import confusion_matrix, scores
from har.training_settings import EvaluateSettings
from har.windows import recording_windows
from model_store.onnx_classifier import OnnxClassifier
from trainer.recordings import load_recordings

WINDOWS_A_CALL = 256
#: Windows whose readings have more than one label.
MIXED = "(more than one label)"


class Evaluation(msgspec.Struct, frozen=True):
    """How a release did on a recording.

    Attributes
    ----------
    release : str
        The release's name.
    windows : int
        How many windows were scored.
    accuracy, macro_f1 : float
        Over those.
    per_class : dict of str to ClassScore
        By true class.
    classes : list of str
        Order of `confusion`.
    confusion : list of list of int
        Windows by true class (rows) and answer (columns).
    left_out : dict of str to int
        Windows that were not scored, by label: labels that the release does not know, and mixed ones.
    met_training_users : list of str
        ``device/user`` of people whose recordings the network was trained on; their figures flatter it.
    """

    release: str
    windows: int
    accuracy: float
    macro_f1: float
    per_class: dict[str, ClassScore]
    classes: list[str]
    confusion: list[list[int]]
    left_out: dict[str, int]
    met_training_users: list[str]


@dataclass
class _Tally:
    confusion: NDArray[np.int64]
    left_out: Counter[str]


def evaluate(network: OnnxClassifier, recordings: Sequence[Recording]) -> Evaluation:
    """Classify every window of the recordings and score the answers.

    A window counts as its label if all its readings have it.

    Raises
    ------
    RecordingError
        If no window has a label that the release knows.
    """
    manifest = network.manifest
    classes = manifest.classes
    tally = _Tally(np.zeros((len(classes), len(classes)), np.int64), Counter())
    for recording in recordings:
        _add(tally, network, recording)
    if not tally.confusion.sum():
        raise RecordingError(f"no window with a label of the release ({', '.join(classes)})")
    result = scores(tally.confusion, classes)
    met = {recording.person for recording in recordings} & set(manifest.training_users)
    return Evaluation(
        release=manifest.release,
        windows=int(tally.confusion.sum()),
        accuracy=result.accuracy,
        macro_f1=result.macro_f1,
        per_class=result.per_class,
        classes=classes,
        confusion=tally.confusion.tolist(),
        left_out=dict(sorted(tally.left_out.items())),
        met_training_users=sorted(met),
    )


def _add(tally: _Tally, network: OnnxClassifier, recording: Recording) -> None:
    manifest = network.manifest
    windows = recording_windows(recording.times, recording.axes, manifest.window_spec)
    labels = window_labels(recording, windows.starts, manifest.window_spec)
    numbers = {name: number for number, name in enumerate(manifest.classes)}
    tally.left_out.update(label or MIXED for label in labels if label not in numbers)
    known = [row for row, label in enumerate(labels) if label in numbers]
    truth = np.array([numbers[str(labels[row])] for row in known], np.int64)
    for begin in range(0, len(known), WINDOWS_A_CALL):
        rows = known[begin : begin + WINDOWS_A_CALL]
        answer = network.probabilities(windows.values[rows]).argmax(axis=1)
        tally.confusion += confusion_matrix(truth[begin : begin + len(rows)], answer, len(numbers))


def describe(evaluation: Evaluation) -> str:
    """Return the evaluation as a table for a person."""
    width = max(len(name) for name in [*evaluation.classes, "activity"])
    lines = [
        f"release {evaluation.release}: {evaluation.windows} windows, "
        f"accuracy {evaluation.accuracy:.3f}, macro-F1 {evaluation.macro_f1:.3f}",
        "",
        f"{'activity':<{width}}  precision  recall     f1  windows  answered as "
        + " ".join(f"{name:>{width}}" for name in evaluation.classes),
    ]
    for name, row in zip(evaluation.classes, evaluation.confusion, strict=True):
        score = evaluation.per_class[name]
        lines.append(
            f"{name:<{width}}  {score.precision:>9.3f}  {score.recall:>6.3f}  {score.f1:>5.3f}  {score.windows:>7}"
            f"{'':13} " + " ".join(f"{count:>{width}}" for count in row)
        )
    if evaluation.left_out:
        left_out = ", ".join(f"{count} {label}" for label, count in evaluation.left_out.items())
        lines += ["", f"windows left out: {left_out}"]
    return "\n".join(lines)


def run(settings: EvaluateSettings) -> int:
    """Evaluate a release; return the exit status."""
    try:
        network = OnnxClassifier.open(settings.release)
        recordings = load_recordings([settings.data])
        if settings.user is not None:
            users = settings.user.split(",")
            recordings = [recording for recording in recordings if recording.user in users]
            if not recordings:
                raise RecordingError(f"no user {settings.user} in {settings.data}")
        evaluation = evaluate(network, recordings)
    except (ReleaseError, RecordingError) as error:
        print(f"har evaluate: {error}", file=sys.stderr)
        return 1
    if evaluation.met_training_users:
        print(
            f"warning: the release was trained on {', '.join(evaluation.met_training_users)}; "
            "these figures say nothing about people it has not seen",
            file=sys.stderr,
        )
    if settings.json_output:
        print(msgspec.json.format(msgspec.json.encode(evaluation), indent=2).decode())
    else:
        print(describe(evaluation))
    return 0
