"""Convert a trained network to all formats of a release, and compare and measure them."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from textwrap import shorten

import numpy as np
from numpy.typing import NDArray

from har.artifacts import Artifact, ArtifactFormat, GoldenWindow, LeftOut
from har.decisions import NO_THRESHOLDS, Thresholds
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


#: Longest reason for a format that is left out, characters.
LONGEST_REASON = 500

_CONVERTERS: dict[ArtifactFormat, Callable[[Model], bytes]] = {
    "onnx": freeze_onnx,
    "litert-float32": freeze_lite,
    "litert-int8": freeze_lite_int8,
    "tensorflow-frozen-graph": freeze_graph,
}


@dataclass(frozen=True)
class Frozen:
    """A network in the formats of a release.

    Attributes
    ----------
    files : mapping of format to bytes
        Contents of the files.
    artifacts : list of Artifact
        Description of each file for the manifest, with its measurements.
    golden : GoldenWindow
        The golden window.
    left_out : list of LeftOut
        The formats that are not required and that the network cannot have, each with the reason.
    """

    files: Mapping[ArtifactFormat, bytes]
    artifacts: list[Artifact]
    golden: GoldenWindow
    left_out: list[LeftOut] = field(default_factory=list)


def freeze_all(
    model: Model,
    held_out_windows: NDArray[np.float32],
    *,
    steps: int,
    rate_hz: int,
    normalisation: Normalisation,
    thresholds: Thresholds = NO_THRESHOLDS,
    kinds: int = 0,
    budgets: Budgets | None = None,
) -> Frozen:
    """Freeze a network to every format. Leave out a format that is not required and does not keep its budget.

    int8 is not required: some networks do not bear weights of eight bits. A consumer accepts it only if it gives the
    class of the golden window, so this is checked, too.

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
    thresholds : Thresholds
        The release's thresholds.
    kinds : int
        Number of the outputs that are kinds of background.
    budgets : Budgets, optional
        Limits of the formats; those of :func:`budgets_of` if not given.

    Raises
    ------
    FreezingError
        If the network cannot be converted to a required format, or one is too large or too far from the trained
        network. The message lists every fault.
    """
    _require_shape(held_out_windows, steps)
    limits = budgets or budgets_of(model.name)
    windows = normalisation.apply(held_out_windows)
    trained = trained_probabilities(model, windows)
    files: dict[ArtifactFormat, bytes] = {}
    artifacts: dict[ArtifactFormat, Artifact] = {}
    faults: dict[ArtifactFormat, FreezingError] = {}
    for name, convert in _CONVERTERS.items():
        try:
            content = convert(model)
            measured = measure_all(trained, {name: content}, windows, thresholds, kinds)
            reject_outside(measured, limits)
        except FreezingError as error:
            faults[name] = error
        else:
            files[name], (artifacts[name],) = content, measured
    _raise_required(faults, limits)
    golden = golden_window(files["onnx"], steps, rate_hz, normalisation)
    window = normalisation.apply(np.array([golden.window], np.float32))
    for name, content in files.items():
        if (fault := _golden_fault(name, load_predictor(name, content)(window)[0], golden)) is not None:
            faults[name] = FreezingError(fault)
    _raise_required(faults, limits)
    return Frozen(
        {name: content for name, content in files.items() if name not in faults},
        [artifact for name, artifact in artifacts.items() if name not in faults],
        golden,
        # A converter's message may have many lines.
        [LeftOut(name, shorten(str(error), LONGEST_REASON, placeholder=" …")) for name, error in faults.items()],
    )


def _raise_required(faults: Mapping[ArtifactFormat, FreezingError], limits: Budgets) -> None:
    required = [error for name, error in faults.items() if limits.by_format[name].required]
    if required:
        raise FreezingError(f"the network cannot be frozen: {'; '.join(map(str, required))}") from required[0]


def convert_all(model: Model) -> dict[ArtifactFormat, bytes]:
    """Convert a tf-keras network to every format, without comparing them.

    Raises
    ------
    FreezingError
        If a conversion fails.
    """
    return {name: convert(model) for name, convert in _CONVERTERS.items()}


def measure_all(
    trained: NDArray[np.float32],
    files: Mapping[ArtifactFormat, bytes],
    windows: NDArray[np.float32],
    thresholds: Thresholds = NO_THRESHOLDS,
    kinds: int = 0,
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
    thresholds : Thresholds
        The release's thresholds.
    kinds : int
        Number of the outputs that are kinds of background.

    Raises
    ------
    FreezingError
        If a file cannot be loaded.
    """
    artifacts = []
    for name, content in files.items():
        predict = load_predictor(name, content)
        found = measure_agreement(trained, predict, windows, thresholds, kinds)
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


def _golden_fault(name: ArtifactFormat, result: NDArray[np.float32], golden: GoldenWindow) -> str | None:
    """Return what a format's probabilities for the golden window are wrong in; None if a consumer accepts them."""
    expected = np.array(golden.probabilities)
    if name not in FLOAT32:
        if np.isfinite(result).all() and result.argmax() == expected.argmax():
            return None
        return f"{name} gives another class for the golden window than the trained network"
    difference = float(np.abs(result - expected).max())
    if difference <= GOLDEN_TOLERANCE:  # NaN must fail too
        return None
    return f"{name} is off by {difference:.2g} for the golden window; the limit is {GOLDEN_TOLERANCE:.0e}"
