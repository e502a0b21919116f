"""A tf-keras network as one TensorFlow function, which is what the converters read."""

import os
from typing import Any, NamedTuple

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import tensorflow as tf

# TensorFlow and tf-keras ship no type hints.
Model = Any
ConcreteFunction = Any
Module = Any

#: Name of every frozen network's input: normalised windows, float32 (n, steps, 3).
INPUT = "windows"
#: Name of every frozen network's output: probabilities, float32 (n, classes).
OUTPUT = "probabilities"


class Traced(NamedTuple):
    """A network as a function, and what holds its weights alive."""

    function: ConcreteFunction
    module: Module


def trace(model: Model, batch: int | None) -> Traced:
    """Trace a network as it answers after training.

    Parameters
    ----------
    model : tf-keras model
        From float32 ``(batch, steps, 3)`` to ``(batch, classes)``.
    batch : int or None
        Windows of one call; None for any number.
    """
    module = tf.Module()
    # The weights only: with the whole network in it, TensorFlow would trace every layer once more.
    module.weights = list(model.variables)
    module.answer = tf.function(
        lambda windows: {OUTPUT: model(windows, training=False)},
        input_signature=[tf.TensorSpec((batch, *model.input_shape[1:]), tf.float32, name=INPUT)],
    )
    return Traced(module.answer.get_concrete_function(), module)


def lstm_layers(model: Model) -> int:
    """Return how many LSTM layers a network has."""
    return sum(type(layer).__name__ == "LSTM" for layer in model.layers)
