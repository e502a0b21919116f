"""Run a frozen network of any format through one interface."""

from collections.abc import Callable
from typing import cast

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from har.artifacts import ArtifactFormat
from model_store.lite_network import LiteNetwork
from model_store.onnx_network import OnnxNetwork
from trainer.freezing.errors import FreezingError
from trainer.freezing.traced import INPUT, OUTPUT

#: Maps normalised windows, float32 ``(n, steps, 3)``, to probabilities, float32 ``(n, classes)``.
Predictor = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def onnx_predictor(frozen: bytes, threads: int = 1) -> Predictor:
    """Load an ONNX file.

    Parameters
    ----------
    frozen : bytes
        Content of the file.
    threads : int
        Number of CPU threads for one call.

    Returns
    -------
    callable
        Maps normalised windows, float32 ``(n, steps, 3)``, to probabilities, float32 ``(n, classes)``.

    Raises
    ------
    FreezingError
        If ONNX Runtime cannot load it.
    """
    try:
        network = OnnxNetwork(frozen, threads=threads)
    except ValueError as error:
        raise FreezingError(f"onnx: {error}") from error
    if (network.input, network.output) != (INPUT, OUTPUT):
        raise FreezingError(
            f"onnx: input and output are {network.input} and {network.output}, not {INPUT} and {OUTPUT}"
        )
    return network.probabilities


def lite_predictor(frozen: bytes, threads: int = 1) -> Predictor:
    """Load a LiteRT file, float32 or int8. Parameters, result and errors are those of :func:`onnx_predictor`.

    Windows are classified one by one, each from a reset state.
    """
    try:
        return LiteNetwork(frozen, threads=threads).probabilities
    except ValueError as error:
        raise FreezingError(f"litert: {error}") from error


def frozen_graph_predictor(frozen: bytes, threads: int = 1) -> Predictor:
    """Load a TensorFlow frozen graph. Parameters, result and errors are those of :func:`onnx_predictor`."""
    graph = tf.Graph()
    try:
        definition = tf.compat.v1.GraphDef.FromString(frozen)
        with graph.as_default():
            tf.graph_util.import_graph_def(definition, name="")
        input_tensor, output_tensor = (graph.get_tensor_by_name(f"{end}:0") for end in (INPUT, OUTPUT))
    except Exception as error:  # protobuf's and TensorFlow's exceptions share no base class but Exception
        raise FreezingError(f"tensorflow-frozen-graph: TensorFlow cannot load the network: {error}") from error
    session = tf.compat.v1.Session(
        graph=graph,
        config=tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=threads,
            inter_op_parallelism_threads=1,
            use_per_session_threads=True,
        ),
    )

    def predict(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        return cast(NDArray[np.float32], session.run(output_tensor, {input_tensor: windows}))

    return predict


_LOADERS: dict[ArtifactFormat, Callable[[bytes, int], Predictor]] = {
    "onnx": onnx_predictor,
    "litert-float32": lite_predictor,
    "litert-int8": lite_predictor,
    "tensorflow-frozen-graph": frozen_graph_predictor,
}


def load_predictor(format: ArtifactFormat, frozen: bytes, threads: int = 1) -> Predictor:
    """Load a frozen network of a format. Parameters, result and errors are those of :func:`onnx_predictor`."""
    return _LOADERS[format](frozen, threads)
