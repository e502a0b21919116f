"""Judge a release folder: classify the held-out windows with both releases, and pass the outcomes to the gate."""

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
    """Decide whether a release may be published, and write the decision to ``gate.json`` in its folder.

    Both releases are judged by their ONNX artifacts, which the stream runs.

    Parameters
    ----------
    candidate : Path
        Folder of the new release.
    current : Path, optional
        Folder of the release in use; None if there is none.
    held_out : ValidationWindows
        Windows held out of the candidate's training.
    limits : GateLimits, optional
        Limits of the checks; by default those of its network (`trainer.gate.limits.limits_of`).
    attempts : int
        Number of candidates judged since the last publication, including this one; see
        `trainer.gate.judgement.judge`.

    Raises
    ------
    ReleaseError
        If a release does not match its manifest.
    GateError
        If the candidate was not trained on this preparation, or the current release classifies other windows.
    OSError
        If ``gate.json`` cannot be written.
    """
    network = OnnxClassifier.open(str(candidate))
    manifest = network.manifest
    outputs = held_out.labels[: held_out.classes + held_out.kinds]
    if tuple(manifest.outputs) != outputs or manifest.personal != held_out.personal:
        raise GateError(
            f"{manifest.release} was not trained on these recordings: its outputs are {', '.join(manifest.outputs)}, "
            f"and it is {'' if manifest.personal else 'not '}personal; the recordings have {', '.join(outputs)} "
            f"and are {'' if held_out.personal else 'not '}personal"
        )
    _reject_other_windows(manifest, held_out)
    outcomes = held_out.classify(network.probabilities)
    current_contender = None
    if current is not None:
        other = OnnxClassifier.open(str(current))
        _reject_other_windows(other.manifest, held_out)
        probabilities = held_out.classify(other.probabilities).probabilities
        other_outcomes = relabelled(outcomes, other.manifest.classes, probabilities, other.manifest.kinds)
        current_contender = _contender(other.manifest, other_outcomes, held_out)
    result = judge(
        _contender(manifest, outcomes, held_out),
        current_contender,
        manifest.artifacts,
        limits or limits_of(manifest.network),
        held_out.wearers,
        attempts=attempts,
    )
    write_gate(candidate, result)
    return result


def _contender(manifest: ReleaseManifest, outcomes: Outcomes, held_out: ValidationWindows) -> Contender:
    # Windows held out in time are of people who were trained on, so sessions are compared instead.
    personal = held_out.personal
    return Contender(
        release=manifest.release,
        outcomes=replace(outcomes, people=held_out.person_sessions) if personal else outcomes,
        training_users=() if personal else manifest.training_users,
        thresholds=manifest.thresholds,
        personal=manifest.personal,
        formats=[artifact.format for artifact in manifest.artifacts],
    )


def _reject_other_windows(manifest: ReleaseManifest, held_out: ValidationWindows) -> None:
    if manifest.window_spec != held_out.spec:
        raise GateError(
            f"{manifest.release} classifies other windows ({manifest.window_spec}) than were prepared "
            f"({held_out.spec}): publish to another store, or prepare the same windows"
        )
