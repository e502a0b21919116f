"""Convert a trained network to ONNX, for the stream, Python programs and browsers."""

from typing import cast

import tensorflow as tf
import tf2onnx

from trainer.freezing.errors import FreezingError, conversion
from trainer.freezing.traced import INPUT, Model, lstm_layers

#: ONNX operator set of the frozen network.
OPSET = 17


def freeze_onnx(model: Model) -> bytes:
    """Convert a tf-keras network to ONNX.

    Parameters
    ----------
    model : tf-keras model
        Maps float32 ``(batch, steps, 3)`` to ``(batch, classes)``.

    Returns
    -------
    bytes
        An ONNX file with the input ``windows`` and the output ``probabilities``, for any batch size.

    Raises
    ------
    FreezingError
        If tf2onnx cannot convert the network, or an LSTM layer does not become one ``LSTM`` node.
    """
    with conversion("onnx", "tf2onnx", model.name):
        signature = [tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name=INPUT)]
        proto, _ = tf2onnx.convert.from_keras(model, input_signature=signature, opset=OPSET)
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    expected = lstm_layers(model)
    found = sum(node.op_type == "LSTM" for node in proto.graph.node)
    if found != expected:
        raise FreezingError(f"onnx: {expected} LSTM layers became {found} LSTM nodes, so the graph would run slowly")
    return cast(bytes, proto.SerializeToString())
