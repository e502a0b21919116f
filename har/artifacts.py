"""The files of a release: the network in its frozen formats, and the golden window that checks them."""

from typing import Literal

import msgspec

#: The formats that a network can be frozen to.
ArtifactFormat = Literal["onnx", "litert-float32", "litert-int8", "tensorflow-frozen-graph"]


class Artifact(msgspec.Struct, frozen=True):
    """The network in one frozen format.

    Attributes
    ----------
    name : str
        File name in the release's folder.
    format : str
        ``onnx``, ``litert-float32``, ``litert-int8`` or ``tensorflow-frozen-graph``.
    sha256 : str
        Hexadecimal digest of the file.
    bytes : int
        Size of the file, bytes.
    largest_difference : float or None
        Largest difference of a probability from the trained network's, on held-out windows; None if not measured.
    same_prediction : float or None
        Share of held-out windows with the same predicted class as the trained network's; None if not measured.
        Manifests call it ``same_answer``.
    latency_ms : float or None
        Median time to classify one window on one core of the machine that froze it, ms; None if not measured.
    """

    name: str
    format: ArtifactFormat
    sha256: str
    bytes: int
    largest_difference: float | None = None
    same_prediction: float | None = msgspec.field(default=None, name="same_answer")
    latency_ms: float | None = None


class LeftOut(msgspec.Struct, frozen=True):
    """A format that a release was made without.

    Attributes
    ----------
    format : str
        The format, as in `Artifact`.
    reason : str
        Why, such as the figure and the limit.
    """

    format: ArtifactFormat
    reason: str


class Golden(msgspec.Struct, frozen=True):
    """The golden window: every consumer checks its known probabilities before it serves a release.

    Attributes
    ----------
    file : str
        File name of a `GoldenWindow` as JSON.
    tolerance : float
        Largest allowed difference of a probability. For 8-bit weights only the most probable class is compared.
    """

    file: str
    tolerance: float


class GoldenWindow(msgspec.Struct, frozen=True):
    """A synthetic window and the network's probabilities for it.

    Attributes
    ----------
    window : list of [x, y, z]
        `steps` rows, m/s², before normalisation.
    probabilities : list of float
        In the order of the manifest's classes.
    """

    window: list[tuple[float, float, float]]
    probabilities: list[float]
