"""Convert a trained network to LiteRT (``.tflite``) for phones: in float32, and with 8-bit weights.

The 8-bit format uses dynamic quantisation: weights are stored as int8 with scales, activations between the layers stay
float32. Quantising the activations too, with a representative data set, was measured and rejected for these networks;
see ``docs/freezing.md``.
"""

from typing import Any

import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from trainer.freezing.errors import FreezingError, conversion
from trainer.freezing.traced import INPUT, OUTPUT, Model, lstm_layers, trace

# LiteRT's schema ships no type hints.
LiteModel = Any
LiteOperator = Any

#: LiteRT's fused LSTM keeps its state in a tensor of fixed size.
BATCH = 1


def freeze_lite(model: Model) -> bytes:
    """Convert a tf-keras network to LiteRT with float32 weights.

    Parameters
    ----------
    model : tf-keras model
        Maps float32 ``(batch, steps, 3)`` to ``(batch, classes)``.

    Returns
    -------
    bytes
        A LiteRT file for one window per call, with the input ``windows`` and the output ``probabilities``. Callers must
        reset its variables before each window, as `lite_predictor` does, because the LSTM's state carries over.

    Raises
    ------
    FreezingError
        If TensorFlow cannot convert the network, or an LSTM layer does not become one fused operator.
    """
    return _convert(model, "litert-float32", [])


def freeze_lite_int8(model: Model) -> bytes:
    """Convert a tf-keras network to LiteRT with int8 weights and float32 input and output.

    Parameters, result and errors are those of :func:`freeze_lite`.
    """
    return _convert(model, "litert-int8", [tf.lite.Optimize.DEFAULT])


def _convert(model: Model, name: str, optimizations: list[Any]) -> bytes:
    with conversion(name, "TensorFlow", model.name):
        function, module = trace(model, BATCH)
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
        converter.optimizations = optimizations
        converted = converter.convert()
    lite = flatbuffer_utils.read_model_from_bytearray(bytearray(converted))
    fused = _fused_lstms(lite)
    if len(fused) != lstm_layers(model):
        raise FreezingError(f"{name}: {lstm_layers(model)} LSTM layers became {len(fused)} fused LSTM operators")
    for operator in fused:
        # TensorFlow's converter clips the cell states to 10, unlike tf-keras. On a few windows in a thousand, the
        # trained network exceeds that.
        operator.builtinOptions.cellClip = 0.0
    _name_only_ends(lite)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(lite))


def _fused_lstms(lite: LiteModel) -> list[LiteOperator]:
    lstm = schema.BuiltinOperator.UNIDIRECTIONAL_SEQUENCE_LSTM
    codes = [flatbuffer_utils.get_builtin_code_from_operator_code(code) for code in lite.operatorCodes]
    return [operator for graph in lite.subgraphs for operator in graph.operators if codes[operator.opcodeIndex] == lstm]


def _name_only_ends(lite: LiteModel) -> None:
    """Name the input and the output. Remove all other names, which are a tenth of an int8 file."""
    graph = lite.subgraphs[0]
    for tensor in graph.tensors:
        tensor.name = None
    graph.tensors[graph.inputs[0]].name = INPUT
    graph.tensors[graph.outputs[0]].name = OUTPUT
