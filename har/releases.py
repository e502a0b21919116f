"""`ReleaseManifest`: everything that a consumer of a network needs to know about it.

A release is a folder with ``manifest.json``, the frozen network in one or more formats, a golden window with its
expected probabilities, and a model card. Consumers read the classes, the windows and the normalisation from the
manifest; none of them is fixed in code.
"""

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from har.artifacts import Artifact, Golden, LeftOut
from har.background import Background
from har.decisions import UNKNOWN, Thresholds
from har.licences import WeightsTerms
from har.release_documents import ReleaseError, decode_document, require_plain_name
from har.signal_quality import SignalBounds
from har.upright import UprightRule
from har.windowing import WindowSpec

SCHEMA = 1
MAX_MANIFEST_BYTES = 262_144


class Normalisation(msgspec.Struct, frozen=True):
    """How to normalise a window before inference: ``(value - mean) / scale`` for each axis, in m/s²."""

    mean: tuple[float, float, float]
    scale: tuple[float, float, float]

    def apply(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Normalise windows of shape (..., steps, 3) in m/s²; the result is float32 without a unit."""
        mean, scale = np.array(self.mean, np.float32), np.array(self.scale, np.float32)
        return np.asarray((windows - mean) / scale, np.float32)


class TrainingData(msgspec.Struct, frozen=True):
    """A data set that a network was trained on: its name, licence and source."""

    name: str
    licence: str
    source: str


class ClassScore(msgspec.Struct, frozen=True):
    """Precision, recall and F1 of one class, and its number of windows."""

    precision: float
    recall: float
    f1: float
    windows: int


class Scores(msgspec.Struct, frozen=True):
    """A network's scores under one protocol."""

    accuracy: float
    macro_f1: float
    per_class: dict[str, ClassScore]


class ReleaseManifest(msgspec.Struct, frozen=True):
    """The description of a release.

    Attributes
    ----------
    release : str
        The release's name, such as ``baseline-2026-11-26``.
    created : str
        ISO 8601 time, UTC.
    network : str
        The architecture's name.
    classes : list of str
        The classes, in the order of the network's outputs. The kinds of `background` follow them.
    steps, rate_hz, hop_us, gap_us : int
        How windows are cut, see `har.windowing.WindowSpec`.
    normalisation : Normalisation
        The consumer applies it before inference.
    decision_threshold : float
        If no class reaches this probability, the prediction is ``unknown`` (`har.decisions`); 0 turns this off.
    artifacts : list of Artifact
        The network's frozen forms.
    golden : Golden
        The golden window.
    training_users : list of str
        ``device/user`` of each user whose recordings the network was trained on.
    data : list of TrainingData
        The data sets that the recordings are from.
    metrics : dict of str to Scores
        Scores by protocol, such as ``"reserved test users, waist"``.
    weights_licence : str
        The licence of the weights.
    personal : bool
        Whether there were too few users to hold any out. The release is then only for the users it was trained on.
    false_activity_rate : float or None
        Of the validation users' windows that show none of the classes, the share for which an activity is predicted;
        None if there was no such window.
    signal_bounds : SignalBounds
        The least quality of readings that the network needs; windows outside of it are ``unknown`` with a reason.
        Manifests of older releases state none: the default bounds hold for them.
    left_out : list of LeftOut
        The formats that the release was made without, such as int8 that predicts too differently.
    upright : UprightRule or None
        How a session's upright reference is learned and used (`har.upright`); None if it is not used.
    background : Background or None
        The kinds of background that the network distinguishes; None if it knows none.
    false_activity : dict of str to float
        By kind of background or other label: the share of the windows of unseen people that is called an activity.
    shown_for : dict of str to list of str
        By class: the placements of the phone on which unseen people were tested.
    terms : WeightsTerms or None
        What `weights_licence` says, for programs; None in manifests of older releases.
    schema : int
        Version of this manifest.
    """

    release: str
    created: str
    network: str
    classes: list[str]
    steps: int
    rate_hz: int
    hop_us: int
    gap_us: int
    normalisation: Normalisation
    decision_threshold: float
    artifacts: list[Artifact]
    golden: Golden
    training_users: list[str]
    data: list[TrainingData]
    metrics: dict[str, Scores]
    weights_licence: str
    personal: bool = False
    false_activity_rate: float | None = None
    signal_bounds: SignalBounds = SignalBounds()
    left_out: list[LeftOut] = []
    upright: UprightRule | None = None
    background: Background | None = None
    false_activity: dict[str, float] = {}
    shown_for: dict[str, list[str]] = {}
    terms: WeightsTerms | None = None
    schema: int = SCHEMA

    @property
    def window_spec(self) -> WindowSpec:
        """How windows are cut for this network."""
        return WindowSpec(self.steps, self.rate_hz, self.hop_us, self.gap_us)

    @property
    def kinds(self) -> list[str]:
        """The names of the kinds of background, in the order of the network's outputs after the classes."""
        return [kind.name for kind in self.background.kinds] if self.background else []

    @property
    def outputs(self) -> list[str]:
        """The names of all outputs of the network: the classes, then the kinds of background."""
        return [*self.classes, *self.kinds]

    @property
    def thresholds(self) -> Thresholds:
        """When a class, or a kind of background, is named."""
        if self.background is None:
            return Thresholds(self.decision_threshold)
        return Thresholds(self.decision_threshold, self.background.largest_share, self.background.kind_threshold)

    def kind_title(self, kind: str | None) -> str | None:
        """Return what a kind of background is, for people; None without a kind, or for one that this release lacks."""
        return self.background.title(kind) if self.background is not None else None

    def artifact(self, artifact_format: str) -> Artifact:
        """Return the artifact of a format.

        Raises
        ------
        ReleaseError
            If the release has no artifact of the format. The message says why, and which formats it has.
        """
        for artifact in self.artifacts:
            if artifact.format == artifact_format:
                return artifact
        available = ", ".join(artifact.format for artifact in self.artifacts)
        reasons = "".join(f": {each.reason}" for each in self.left_out if each.format == artifact_format)
        raise ReleaseError(
            f"release {self.release} has no {artifact_format} artifact{reasons} (use one that it has: {available})"
        )


def encode_manifest(manifest: ReleaseManifest) -> bytes:
    """Encode as readable JSON."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def decode_manifest(document: bytes) -> ReleaseManifest:
    """Decode and check a manifest.

    Raises
    ------
    ReleaseError
        If it is too large, not a manifest, of an unknown schema, or contradicts itself.
    """
    manifest = decode_document(
        document,
        ReleaseManifest,
        "release's manifest",
        schema=SCHEMA,
        limit=MAX_MANIFEST_BYTES,
        if_older="publish the release again",
    )
    _check(manifest)
    return manifest


def _check(manifest: ReleaseManifest) -> None:
    if len(manifest.classes) < 2 or len(set(manifest.classes)) != len(manifest.classes):
        raise ReleaseError(f"classes must be two or more different names, not {manifest.classes}")
    if UNKNOWN in manifest.classes:
        raise ReleaseError(f"no class may be called {UNKNOWN!r}: it is reserved for windows of none of the classes")
    if not 0 <= manifest.decision_threshold < 1:  # NaN must fail too
        raise ReleaseError(f"the decision threshold must be from 0 to below 1, not {manifest.decision_threshold}")
    _check_background(manifest)
    if manifest.false_activity_rate is not None and not 0 <= manifest.false_activity_rate <= 1:
        raise ReleaseError(f"the false-activity rate must be from 0 to 1, not {manifest.false_activity_rate}")
    if not all(math.isfinite(value) and value > 0 for value in manifest.normalisation.scale):
        raise ReleaseError(f"normalisation scale must be positive, not {manifest.normalisation.scale}")
    if not all(math.isfinite(value) for value in manifest.normalisation.mean):
        raise ReleaseError(f"normalisation mean must be finite, not {manifest.normalisation.mean}")
    if (fault := manifest.signal_bounds.faults()) is not None:
        raise ReleaseError(f"signal bounds: {fault}")
    if manifest.upright is not None and (fault := manifest.upright.faults()) is not None:
        raise ReleaseError(f"upright: {fault}")
    try:
        _ = manifest.window_spec
    except ValueError as error:
        raise ReleaseError(f"windows: {error}") from error
    require_plain_name(manifest.release, "a release's name")
    _check_artifacts(manifest)


def _check_background(manifest: ReleaseManifest) -> None:
    outputs = manifest.outputs
    if len(set(outputs)) != len(outputs) or UNKNOWN in outputs:
        raise ReleaseError(f"classes and kinds of background must be different names, not {UNKNOWN!r}: {outputs}")
    if manifest.background is not None and (fault := manifest.background.fault()) is not None:
        raise ReleaseError(f"background: {fault}")
    for name, rate in manifest.false_activity.items():
        if not 0 <= rate <= 1:
            raise ReleaseError(f"the false-activity rate of {name!r} must be from 0 to 1, not {rate}")
    if unknown := sorted(manifest.shown_for.keys() - set(manifest.classes)):
        raise ReleaseError(f"shown_for names {unknown}, which are no classes: {manifest.classes}")


def _check_artifacts(manifest: ReleaseManifest) -> None:
    names = [artifact.name for artifact in manifest.artifacts] + [manifest.golden.file]
    for name in names:
        require_plain_name(name, "the name of a release's file")
    if len(set(names)) != len(names):
        raise ReleaseError(f"two of a release's files have one name: {', '.join(names)}")
    formats = [artifact.format for artifact in manifest.artifacts]
    if len(set(formats)) != len(formats):
        raise ReleaseError(f"a release has one artifact a format, not {formats}")
    if both := sorted({left.format for left in manifest.left_out}.intersection(formats)):
        raise ReleaseError(f"{', '.join(both)} is among the artifacts and among the formats that were left out")
    for artifact in manifest.artifacts:
        _check_measurements(artifact)


def _check_measurements(artifact: Artifact) -> None:
    measured = artifact.largest_difference, artifact.same_prediction, artifact.latency_ms
    if not all(value is None or (math.isfinite(value) and value >= 0) for value in measured) or (
        artifact.same_prediction is not None and artifact.same_prediction > 1
    ):
        raise ReleaseError(
            f"{artifact.name}: the largest difference and the latency must be 0 or more, the share of same predictions "
            f"from 0 to 1, not {measured}"
        )
