"""Convert a trained network to all formats of a release, and compare and measure them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from har.artifacts import Artifact, ArtifactFormat, GoldenWindow
from har.releases import Normalisation
from trainer.freezing.agreement import measure_agreement, trained_probabilities
from trainer.freezing.budgets import Budgets, budgets_of, reject_outside
from trainer.freezing.errors import FreezingError
from trainer.freezing.frozen_graph import freeze_graph
from trainer.freezing.golden import GOLDEN_TOLERANCE, golden_window
from trainer.freezing.latency import median_latency_ms
from trainer.freezing.lite import freeze_lite, freeze_lite_int8
from trainer.freezing.onnx import freeze_onnx
from trainer.freezing.predictors import load_predictor
from trainer.freezing.traced import Model

#: File names in a release's folder.
FILE_NAMES: dict[ArtifactFormat, str] = {
    "onnx": "network.onnx",
    "litert-float32": "network.tflite",
    "litert-int8": "network_int8.tflite",
    "tensorflow-frozen-graph": "network.pb",
}

#: Formats that must reproduce the golden window. With 8-bit weights, probabilities differ by more than its tolerance.
FLOAT32: tuple[ArtifactFormat, ...] = ("onnx", "litert-float32", "tensorflow-frozen-graph")


@dataclass(frozen=True)
class Frozen:
    """A network in all formats.

    Attributes
    ----------
    files : mapping of format to bytes
        Contents of the files.
    artifacts : list of Artifact
        Description of each file for the manifest, with its measurements.
    golden : GoldenWindow
        The golden window.
    """

    files: Mapping[ArtifactFormat, bytes]
    artifacts: list[Artifact]
    golden: GoldenWindow


def freeze_all(
    model: Model,
    held_out_windows: NDArray[np.float32],
    *,
    steps: int,
    rate_hz: int,
    normalisation: Normalisation,
    threshold: float = 0.0,
    budgets: Budgets | None = None,
) -> Frozen:
    """Freeze a network to every format. Reject it if a format exceeds its budget.

    Parameters
    ----------
    model : tf-keras model
        The trained network. It maps normalised windows, float32 ``(batch, steps, 3)``, to ``(batch, classes)``.
    held_out_windows : ndarray of float32, shape (n, steps, 3)
        Windows of held-out people to compare the formats on, some hundreds; m/s², not normalised.
    steps, rate_hz : int
        Length of the network's windows, steps, and their sample rate, Hz.
    normalisation : Normalisation
        Normalisation of the network's inputs.
    threshold : float
        The release's `decision_threshold`.
    budgets : Budgets, optional
        Limits of the formats; those of :func:`budgets_of` if not given.

    Raises
    ------
    FreezingError
        If the network cannot be converted, or a format is too large or too far from the trained network.
    """
    _require_shape(held_out_windows, steps)
    files = convert_all(model)
    windows = normalisation.apply(held_out_windows)
    artifacts = measure_all(trained_probabilities(model, windows), files, windows, threshold)
    reject_outside(artifacts, budgets or budgets_of(model.name))
    golden = golden_window(files["onnx"], steps, rate_hz, normalisation)
    _check_golden(files, golden, normalisation)
    return Frozen(files, artifacts, golden)


def convert_all(model: Model) -> dict[ArtifactFormat, bytes]:
    """Convert a tf-keras network to every format, without comparing them.

    Raises
    ------
    FreezingError
        If a conversion fails.
    """
    return {
        "onnx": freeze_onnx(model),
        "litert-float32": freeze_lite(model),
        "litert-int8": freeze_lite_int8(model),
        "tensorflow-frozen-graph": freeze_graph(model),
    }


def measure_all(
    trained: NDArray[np.float32],
    files: Mapping[ArtifactFormat, bytes],
    windows: NDArray[np.float32],
    threshold: float = 0.0,
) -> list[Artifact]:
    """Measure the size, the agreement with the trained network, and the latency of each format.

    Parameters
    ----------
    trained : ndarray of float32, shape (n, classes)
        Probabilities of the trained network.
    files : mapping of format to bytes
        The frozen networks.
    windows : ndarray of float32, shape (n, steps, 3)
        Normalised windows, at least one.
    threshold : float
        The release's `decision_threshold`.

    Raises
    ------
    FreezingError
        If a file cannot be loaded.
    """
    artifacts = []
    for name, content in files.items():
        predict = load_predictor(name, content)
        found = measure_agreement(trained, predict, windows, threshold)
        artifacts.append(
            Artifact(
                name=FILE_NAMES[name],
                format=name,
                sha256=hashlib.sha256(content).hexdigest(),
                bytes=len(content),
                largest_difference=found.largest_difference,
                same_prediction=found.same_prediction,
                latency_ms=round(median_latency_ms(predict, windows), 3),
            )
        )
    return artifacts


def _require_shape(windows: NDArray[np.float32], steps: int) -> None:
    if windows.ndim != 3 or windows.shape[1:] != (steps, 3) or not len(windows):
        raise FreezingError(
            f"comparing the formats needs at least one held-out window, with shape (n, {steps}, 3); "
            f"got the shape {windows.shape}"
        )


def _check_golden(files: Mapping[ArtifactFormat, bytes], golden: GoldenWindow, normalisation: Normalisation) -> None:
    window = normalisation.apply(np.array([golden.window], np.float32))
    expected: Sequence[float] = golden.probabilities
    for name in FLOAT32:
        difference = float(np.abs(load_predictor(name, files[name])(window)[0] - np.array(expected)).max())
        if not difference <= GOLDEN_TOLERANCE:  # NaN must fail too
            raise FreezingError(
                f"{name} is off by {difference:.2g} for the golden window; the limit is {GOLDEN_TOLERANCE:.0e}"
            )
