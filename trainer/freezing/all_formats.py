"""One trained network to all the files of a release, compared with each other and measured."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from har.releases import Artifact, ArtifactFormat, GoldenWindow, Normalisation
from trainer.freezing.agreement import measure_agreement, trained_answers
from trainer.freezing.budgets import Budgets, budgets_of, reject_outside
from trainer.freezing.errors import FreezingError
from trainer.freezing.frozen_graph import freeze_graph
from trainer.freezing.golden import GOLDEN_TOLERANCE, golden_window
from trainer.freezing.latency import median_latency_ms
from trainer.freezing.lite import freeze_lite, freeze_lite_int8
from trainer.freezing.onnx import freeze_onnx
from trainer.freezing.predictors import load_predictor
from trainer.freezing.traced import Model

#: What the files are called in a release's folder.
FILE_NAMES: dict[ArtifactFormat, str] = {
    "onnx": "network.onnx",
    "litert-float32": "network.tflite",
    "litert-int8": "network_int8.tflite",
    "tensorflow-frozen-graph": "network.pb",
}

#: Eight-bit weights move the probabilities of the golden window by more than its tolerance.
FLOAT32: tuple[ArtifactFormat, ...] = ("onnx", "litert-float32", "tensorflow-frozen-graph")


@dataclass(frozen=True)
class Frozen:
    """A frozen network.

    Attributes
    ----------
    files : mapping of format to bytes
        The files' contents.
    artifacts : list of Artifact
        What the manifest says of each file, as measured here.
    golden : GoldenWindow
        The window that consumers check.
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
    """Freeze a network to every format, and reject it if one of them is out of tolerance.

    Parameters
    ----------
    model : tf-keras model
        The trained network, from normalised windows float32 ``(batch, steps, 3)`` to ``(batch, classes)``.
    held_out_windows : ndarray of float32, shape (n, steps, 3)
        Windows in m/s², not normalised, to compare the formats on; some hundreds of people that were held out.
    steps, rate_hz : int
        The network's windows.
    normalisation : Normalisation
        Applied before the network.
    threshold : float
        The release's `decision_threshold`.
    budgets : Budgets, optional
        What the formats must keep to; :func:`budgets_of` the network, if not given.

    Raises
    ------
    FreezingError
        If the network cannot be converted, or a format is too large or too far from the trained network.
    """
    _reject_unfit(held_out_windows, steps)
    files = convert_all(model)
    windows = normalisation.apply(held_out_windows)
    artifacts = measure_all(trained_answers(model, windows), files, windows, threshold)
    reject_outside(artifacts, budgets or budgets_of(model.name))
    golden = golden_window(files["onnx"], steps, rate_hz, normalisation)
    _reject_wrong_golden(files, golden, normalisation)
    return Frozen(files, artifacts, golden)


def convert_all(model: Model) -> dict[ArtifactFormat, bytes]:
    """Convert a tf-keras network to every format, without comparing them.

    Raises
    ------
    FreezingError
        If it cannot be converted to one of them.
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
    """Measure frozen networks: size, agreement with the trained one, and the time for a window.

    Parameters
    ----------
    trained : ndarray of float32, shape (n, classes)
        The trained network's probabilities.
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
                same_answer=found.same_answer,
                latency_ms=round(median_latency_ms(predict, windows), 3),
            )
        )
    return artifacts


def _reject_unfit(windows: NDArray[np.float32], steps: int) -> None:
    if windows.ndim != 3 or windows.shape[1:] != (steps, 3) or not len(windows):
        raise FreezingError(
            f"the formats are compared on held-out windows of shape (n, {steps}, 3), at least one; "
            f"these have the shape {windows.shape}"
        )


def _reject_wrong_golden(
    files: Mapping[ArtifactFormat, bytes], golden: GoldenWindow, normalisation: Normalisation
) -> None:
    window = normalisation.apply(np.array([golden.window], np.float32))
    expected: Sequence[float] = golden.probabilities
    for name in FLOAT32:
        difference = float(np.abs(load_predictor(name, files[name])(window)[0] - np.array(expected)).max())
        if not difference <= GOLDEN_TOLERANCE:  # NaN must fail too
            raise FreezingError(
                f"{name} is off by {difference:.2g} for the golden window; allowed is {GOLDEN_TOLERANCE:.0e}"
            )
