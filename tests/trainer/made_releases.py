"""Release folders with a network of a few operations, which distinguishes walking and sitting by sway."""

import hashlib
from pathlib import Path

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from har.artifacts import Artifact, Golden, GoldenWindow
from har.releases import Normalisation, ReleaseManifest, encode_manifest
from har.windowing import WindowSpec
from model_store.onnx_classifier import OnnxClassifier

CLASSES = ("sit", "walk")
SPEC = WindowSpec(steps=50)
GRAVITY = Normalisation(mean=(0.0, 0.0, 0.0), scale=(9.81, 9.81, 9.81))


def made_release(folder: Path, *, border: float = 0.05, slope: float = 200.0, **manifest: object) -> Path:
    """Write a release that predicts walk if the mean sway, as a share of gravity, is above `border`."""
    folder.mkdir(parents=True)
    content = _network(border, slope)
    (folder / "network.onnx").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    artifact = Artifact("network.onnx", "onnx", digest, len(content), 1e-7, 1.0, 0.1)
    made = ReleaseManifest(
        release=folder.name, created="2026-01-01T00:00:00+00:00", network="sway", classes=list(CLASSES),
        steps=SPEC.steps, rate_hz=SPEC.rate_hz, hop_us=SPEC.hop_us, gap_us=SPEC.gap_us, normalisation=GRAVITY,
        decision_threshold=0.0, artifacts=[artifact], golden=Golden("golden.json", 1e-4), training_users=[], data=[],
        metrics={}, weights_licence="none",
    )  # fmt: skip
    # The golden window is still, so its probabilities depend only on the border.
    sit = 1 / (1 + np.exp(-2 * slope * border))
    golden = GoldenWindow([(0.0, 0.0, 9.81)] * SPEC.steps, [float(sit), float(1 - sit)])
    (folder / "golden.json").write_bytes(msgspec.json.encode(golden))
    (folder / "manifest.json").write_bytes(encode_manifest(msgspec.structs.replace(made, **manifest)))
    OnnxClassifier.open(str(folder))
    return folder


def _network(border: float, slope: float) -> bytes:
    weights = numpy_helper.from_array(np.array([[-slope, slope]], np.float32), "weights")
    bias = numpy_helper.from_array(np.array([slope * border, -slope * border], np.float32), "bias")
    nodes = [
        helper.make_node("ReduceMean", ["windows"], ["level"], axes=[1], keepdims=1),
        helper.make_node("Sub", ["windows", "level"], ["moving"]),
        helper.make_node("Abs", ["moving"], ["size"]),
        helper.make_node("ReduceMean", ["size"], ["of_axes"], axes=[1], keepdims=0),
        helper.make_node("ReduceMean", ["of_axes"], ["sway"], axes=[1], keepdims=1),
        helper.make_node("Gemm", ["sway", "weights", "bias"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes, "sway",
        [helper.make_tensor_value_info("windows", TensorProto.FLOAT, ["batch", SPEC.steps, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 2])],
        [weights, bias],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
