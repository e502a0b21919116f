"""A trained network to ONNX, with proof that both give the same answers."""

import hashlib
import os
from collections.abc import Callable
from typing import Any, cast

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx
from numpy.typing import NDArray

from har.releases import Artifact, GoldenWindow, Normalisation

# tf-keras ships no type hints.
Model = Any

#: ONNX operator set of the frozen network.
OPSET = 17
#: Largest difference of a probability between the Keras network and its frozen form.
AGREEMENT = 1e-5
#: Largest difference of a probability that a consumer may see for the golden window: other processors
#: round otherwise.
GOLDEN_TOLERANCE = 1e-4

INPUT = "windows"
OUTPUT = "probabilities"


class FreezingError(RuntimeError):
    """The frozen network is not what was trained."""


def freeze_onnx(model: Model) -> bytes:
    """Convert a tf-keras network to ONNX.

    Parameters
    ----------
    model : tf-keras model
        From float32 ``(batch, steps, 3)`` to ``(batch, classes)``.

    Returns
    -------
    bytes
        An ONNX file with the input ``windows`` and the output ``probabilities``, any batch size.

    Raises
    ------
    FreezingError
        If an LSTM layer was not turned into one ``LSTM`` node.
    """
    signature = [tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name=INPUT)]
    proto, _ = tf2onnx.convert.from_keras(model, input_signature=signature, opset=OPSET)
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    wanted = sum(type(layer).__name__ == "LSTM" for layer in model.layers)
    found = sum(node.op_type == "LSTM" for node in proto.graph.node)
    if found != wanted:
        raise FreezingError(f"{wanted} LSTM layers became {found} ONNX LSTM nodes: the graph would run slowly")
    return cast(bytes, proto.SerializeToString())


def onnx_predictor(frozen: bytes, threads: int = 1) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Load a frozen network.

    Parameters
    ----------
    frozen : bytes
        An ONNX file.
    threads : int
        CPU threads one call may use.

    Returns
    -------
    callable
        From normalised windows, float32 ``(n, steps, 3)``, to probabilities, float32 ``(n, classes)``.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(frozen, options, providers=["CPUExecutionProvider"])

    def predict(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        return cast(NDArray[np.float32], session.run([OUTPUT], {INPUT: windows})[0])

    return predict


def check_agreement(model: Model, frozen: bytes, windows: NDArray[np.float32]) -> float:
    """Compare the frozen network's answers with the trained one's.

    Parameters
    ----------
    model : tf-keras model
        The trained network.
    frozen : bytes
        Its ONNX file.
    windows : ndarray of float32, shape (n, steps, 3)
        Normalised windows, at least one.

    Returns
    -------
    float
        The largest difference of a probability.

    Raises
    ------
    FreezingError
        If it is more than `AGREEMENT`.
    """
    trained = np.asarray(model.predict(windows, batch_size=256, verbose=0))
    difference = float(np.abs(trained - onnx_predictor(frozen)(windows)).max())
    if not difference <= AGREEMENT:  # NaN must fail too
        raise FreezingError(f"the ONNX network differs by {difference:.2g} from Keras; allowed is {AGREEMENT:.0e}")
    return difference


def artifact(name: str, frozen: bytes) -> Artifact:
    """Describe an ONNX file for the manifest."""
    return Artifact(name, "onnx", hashlib.sha256(frozen).hexdigest(), len(frozen))


def golden_window(frozen: bytes, steps: int, rate_hz: int, normalisation: Normalisation) -> GoldenWindow:
    """Compute the network's answer for a synthetic window: a gait-like sum of sines on tilted gravity.

    Parameters
    ----------
    frozen : bytes
        An ONNX file.
    steps, rate_hz : int
        The network's windows.
    normalisation : Normalisation
        Applied before the network.
    """
    seconds = np.arange(steps) / rate_hz
    axes = np.stack(
        [
            7.0 + 1.9 * np.sin(2 * np.pi * 1.8 * seconds) + 0.8 * np.sin(2 * np.pi * 5.4 * seconds + 1.0),
            -5.5 + 1.2 * np.sin(2 * np.pi * 0.9 * seconds + 0.5),
            4.0 + 1.5 * np.cos(2 * np.pi * 1.8 * seconds) + 0.4 * np.sin(2 * np.pi * 7.2 * seconds),
        ],
        axis=1,
    )
    # Three decimals are exact in JSON, and every reader rounds them to the same float32.
    window = [(float(x), float(y), float(z)) for x, y, z in np.round(axes, 3)]
    answer = onnx_predictor(frozen)(normalisation.apply(np.array([window], np.float32)))[0]
    return GoldenWindow(window, [float(value) for value in answer])
