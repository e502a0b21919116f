"""A release folder at the gate: what `trainer.gate.judgement` needs, from the folders and the held-out windows."""

from dataclasses import replace
from pathlib import Path

from har.releases import ReleaseManifest
from model_store.onnx_classifier import OnnxClassifier
from trainer.evaluation.outcomes import Outcomes, relabelled
from trainer.evaluation.validation import ValidationWindows
from trainer.gate.checks import Contender
from trainer.gate.judgement import GateError, GateResult, judge, write_gate
from trainer.gate.limits import GateLimits, limits_of


def gate_release(
    candidate: Path,
    current: Path | None,
    held_out: ValidationWindows,
    limits: GateLimits | None = None,
    *,
    attempts: int = 1,
) -> GateResult:
    """Decide whether a release may be published, and write the decision into its folder as ``gate.json``.

    Both are judged by their ONNX artifacts, which are what the stream runs.

    Parameters
    ----------
    candidate : Path
        The new release's folder.
    current : Path, optional
        The folder of the release in use ; None if there is none.
    held_out : ValidationWindows
        What was held out of the candidate's training.
    limits : GateLimits, optional
        What it must reach; its network's (`trainer.gate.limits.limits_of`), if not given.
    attempts : int
        How many candidates were judged since the last publication, this one included; see
        `trainer.gate.judgement.judge`.

    Raises
    ------
    ReleaseError
        If a release is not what its manifest says.
    GateError
        If the candidate was not trained on this preparation, or the current release classifies other windows.
    OSError
        If ``gate.json`` cannot be written.
    """
    network = OnnxClassifier.open(str(candidate))
    manifest = network.manifest
    classes = held_out.labels[: held_out.classes]
    if tuple(manifest.classes) != classes or manifest.personal != held_out.personal:
        raise GateError(
            f"{manifest.release} was not trained on these recordings: it knows {', '.join(manifest.classes)} and is "
            f"{'' if manifest.personal else 'not '}personal; they have {', '.join(classes)} and are "
            f"{'' if held_out.personal else 'not '}personal"
        )
    _reject_other_windows(manifest, held_out)
    outcomes = held_out.classify(network.probabilities)
    theirs = None
    if current is not None:
        other = OnnxClassifier.open(str(current))
        _reject_other_windows(other.manifest, held_out)
        answers = held_out.classify(other.probabilities).probabilities
        theirs = _contender(other.manifest, relabelled(outcomes, other.manifest.classes, answers), held_out)
    result = judge(
        _contender(manifest, outcomes, held_out),
        theirs,
        manifest.artifacts,
        limits or limits_of(manifest.network),
        held_out.wearers,
        attempts=attempts,
    )
    write_gate(candidate, result)
    return result


def _contender(manifest: ReleaseManifest, outcomes: Outcomes, held_out: ValidationWindows) -> Contender:
    # Of windows held out in time, everybody was trained on with others: what is compared are sessions.
    in_time = held_out.personal
    return Contender(
        release=manifest.release,
        outcomes=replace(outcomes, people=held_out.occasions) if in_time else outcomes,
        training_users=() if in_time else manifest.training_users,
        threshold=manifest.decision_threshold,
        personal=manifest.personal,
    )


def _reject_other_windows(manifest: ReleaseManifest, held_out: ValidationWindows) -> None:
    if manifest.window_spec != held_out.spec:
        raise GateError(
            f"{manifest.release} classifies other windows ({manifest.window_spec}) than were prepared "
            f"({held_out.spec}): nothing can be compared; publish into another store, or prepare the same windows"
        )
