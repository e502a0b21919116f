"""Running a frozen network of any format the same way."""

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

#: From normalised windows, float32 (n, steps, 3), to probabilities, float32 (n, classes).
Predictor = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def onnx_predictor(frozen: bytes, threads: int = 1) -> Predictor:
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
        _one_input_and_output(session)
    except Exception as error:  # onnxruntime raises its own types, which share no base but Exception
        raise FreezingError(f"onnx: ONNX Runtime cannot load the network: {error}") from error

    def predict(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        return cast(NDArray[np.float32], session.run([OUTPUT], {INPUT: windows})[0])

    return predict


def _one_input_and_output(session: onnxruntime.InferenceSession) -> None:
    names = [end.name for end in (*session.get_inputs(), *session.get_outputs())]
    if names != [INPUT, OUTPUT]:
        raise ValueError(f"its ends are {', '.join(names)}, not {INPUT} and {OUTPUT}")


def lite_predictor(frozen: bytes, threads: int = 1) -> Predictor:
    """Load a LiteRT file, float32 or int8; parameters, result and errors as for :func:`onnx_predictor`.

    Windows are run one by one, each from a fresh state.
    """
    try:
        interpreter = Interpreter(model_content=frozen, num_threads=threads)
        interpreter.allocate_tensors()
        (given,), (answered,) = interpreter.get_input_details(), interpreter.get_output_details()
    except Exception as error:  # ValueError and RuntimeError so far, depending on what is wrong
        raise FreezingError(f"litert: LiteRT cannot load the network: {error}") from error

    def classify(window: NDArray[np.float32]) -> NDArray[np.float32]:
        # The LSTM layers' state is kept in variables, which would carry over from window to window.
        interpreter.reset_all_variables()
        interpreter.set_tensor(given["index"], window[None])
        interpreter.invoke()
        return cast(NDArray[np.float32], interpreter.get_tensor(answered["index"])[0])

    def predict(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        answers = np.empty((len(windows), answered["shape"][-1]), np.float32)
        for number, window in enumerate(windows):
            answers[number] = classify(window)
        return answers

    return predict


def frozen_graph_predictor(frozen: bytes, threads: int = 1) -> Predictor:
    """Load a TensorFlow frozen graph; parameters, result and errors as for :func:`onnx_predictor`."""
    graph = tf.Graph()
    try:
        definition = tf.compat.v1.GraphDef.FromString(frozen)
        with graph.as_default():
            tf.graph_util.import_graph_def(definition, name="")
        given, answered = (graph.get_tensor_by_name(f"{end}:0") for end in (INPUT, OUTPUT))
    except Exception as error:  # protobuf's and TensorFlow's errors share no base but Exception
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
        return cast(NDArray[np.float32], session.run(answered, {given: windows}))

    return predict


_LOADERS: dict[ArtifactFormat, Callable[[bytes, int], Predictor]] = {
    "onnx": onnx_predictor,
    "litert-float32": lite_predictor,
    "litert-int8": lite_predictor,
    "tensorflow-frozen-graph": frozen_graph_predictor,
}


def load_predictor(format: ArtifactFormat, frozen: bytes, threads: int = 1) -> Predictor:
    """Load a frozen network of a format; parameters, result and errors as for :func:`onnx_predictor`."""
    return _LOADERS[format](frozen, threads)
