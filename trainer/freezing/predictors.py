"""Run a frozen network of any format through one interface."""

from collections.abc import Callable
from typing import cast

import numpy as np
import onnxruntime
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from har.releases import ArtifactFormat
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
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(frozen, options, providers=["CPUExecutionProvider"])
        _require_input_and_output(session)
    except Exception as error:  # onnxruntime's exceptions share no base class but Exception
        raise FreezingError(f"onnx: ONNX Runtime cannot load the network: {error}") from error

    def predict(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        return cast(NDArray[np.float32], session.run([OUTPUT], {INPUT: windows})[0])

    return predict


def _require_input_and_output(session: onnxruntime.InferenceSession) -> None:
    names = [end.name for end in (*session.get_inputs(), *session.get_outputs())]
    if names != [INPUT, OUTPUT]:
        raise ValueError(f"its inputs and outputs are {', '.join(names)}, not {INPUT} and {OUTPUT}")


def lite_predictor(frozen: bytes, threads: int = 1) -> Predictor:
    """Load a LiteRT file, float32 or int8. Parameters, result and errors are those of :func:`onnx_predictor`.

    Windows are classified one by one, each from a reset state.
    """
    try:
        interpreter = Interpreter(model_content=frozen, num_threads=threads)
        interpreter.allocate_tensors()
        (input_details,), (output_details,) = interpreter.get_input_details(), interpreter.get_output_details()
    except Exception as error:  # LiteRT documents no exception types; ValueError and RuntimeError were seen
        raise FreezingError(f"litert: LiteRT cannot load the network: {error}") from error

    def classify(window: NDArray[np.float32]) -> NDArray[np.float32]:
        # The LSTM layers keep their state in variables, which must not carry over to the next window.
        interpreter.reset_all_variables()
        interpreter.set_tensor(input_details["index"], window[None])
        interpreter.invoke()
        return cast(NDArray[np.float32], interpreter.get_tensor(output_details["index"])[0])

    def predict(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        results = np.empty((len(windows), output_details["shape"][-1]), np.float32)
        for number, window in enumerate(windows):
            results[number] = classify(window)
        return results

    return predict


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
