"""Trace a tf-keras network to one TensorFlow function, which the converters read."""

import os
from typing import Any, NamedTuple

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import tensorflow as tf

# TensorFlow and tf-keras ship no type hints.
Model = Any
ConcreteFunction = Any
Module = Any

#: Name of every frozen network's input: normalised windows, float32 ``(n, steps, 3)``.
INPUT = "windows"
#: Name of every frozen network's output: probabilities, float32 ``(n, classes)``.
OUTPUT = "probabilities"


class Traced(NamedTuple):
    """A network as a function, and the module that keeps references to its weights."""

    function: ConcreteFunction
    module: Module


def trace(model: Model, batch: int | None) -> Traced:
    """Trace a network in inference mode.

    Parameters
    ----------
    model : tf-keras model
        Maps float32 ``(batch, steps, 3)`` to ``(batch, classes)``.
    batch : int or None
        Number of windows per call; None for any number.
    """
    module = tf.Module()
    # Only the weights: if the module held the whole network, TensorFlow would trace every layer again.
    module.weights = list(model.variables)
    module.predict = tf.function(
        lambda windows: {OUTPUT: model(windows, training=False)},
        input_signature=[tf.TensorSpec((batch, *model.input_shape[1:]), tf.float32, name=INPUT)],
    )
    return Traced(module.predict.get_concrete_function(), module)


def lstm_layers(model: Model) -> int:
    """Return the number of LSTM layers of a network."""
    return sum(type(layer).__name__ == "LSTM" for layer in model.layers)
