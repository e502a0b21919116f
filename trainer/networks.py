"""The networks that can be trained, by name.

All map normalised windows float32 ``(batch, steps, 3)`` to class probabilities ``(batch, classes)``. They
are built with tf-keras (legacy Keras): only its LSTM layers freeze to fused operators.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import tensorflow as tf
import tf_keras
from tf_keras import layers

# TensorFlow and tf-keras ship no type hints.
Model = Any
Tensor = Any


class UnknownNetworkError(ValueError):
    """There is no network of this name; the message says which there are."""


#: How much :func:`detail` amplifies movement before it is squashed.
DETAIL_GAIN = 20.0
#: Lengths in steps of the blocks whose means :func:`movement_powers` compares: 0.04 to 1 s at 50 Hz.
POWER_BLOCKS = (2, 5, 10, 25, 50)


def mean_over_time(signals: Tensor) -> Tensor:
    """Return the mean over time of signals (batch, steps, channels), shape (batch, 1, channels).

    It is a pooling and not a reduction: ONNX Runtime sums a reduction in an order that depends on how many
    windows there are, and an answer must not depend, to the last bit, on the windows classified beside it.
    """
    return layers.AveragePooling1D(signals.shape[1])(signals)


def centre(windows: Tensor) -> Tensor:
    """Subtract each axis's mean over the window, which is mostly gravity; the shape stays."""
    return windows - mean_over_time(windows)


def detail(windows: Tensor) -> Tensor:
    """Amplify the movement about the window's mean and squash it to [-1, 1]; the shape stays.

    Beside gravity, small movements are too small to be learnt from the readings as they are.
    """
    return layers.Activation("tanh")(layers.Rescaling(DETAIL_GAIN)(centre(windows)))


def movement_powers(windows: Tensor) -> Tensor:
    """Movement's power at several time scales, the same however the phone is turned.

    Long blocks average the sensor's noise out and keep slow movement, such as the sway of a standing body (below
    1 Hz, 0.02 m/s² in a pocket; 0.003 when sitting). For each block length there are two values: the power
    of the block means about the window's mean, and the mean of the compressed power of each step from block to
    block. A short fidget raises the first but hardly the second; steady sway raises both.

    Parameters
    ----------
    windows : tensor of float32, shape (batch, steps, 3)
        Normalised windows.

    Returns
    -------
    tensor of float32, shape (batch, twice the block lengths)
        About -1 for 0.01 m/s², 1.7 for 3 m/s².
    """
    centred = centre(windows)
    values = []
    for block in POWER_BLOCKS:
        means = layers.AveragePooling1D(min(block, windows.shape[1] // 2))(centred)
        squares = tf.reduce_sum(tf.square(means), axis=2, keepdims=True)
        steps = tf.reduce_sum(tf.square(means[:, 1:] - means[:, :-1]), axis=2, keepdims=True)
        values.append(_compress(mean_over_time(squares)))
        values.append(mean_over_time(_compress(steps)))
    return layers.Flatten()(tf.concat(values, axis=1))


def _compress(power: Tensor) -> Tensor:
    """Compress a power like a logarithm, by its eighth root.

    Square roots are exact in every implementation. Logarithms are not: ONNX Runtime's differ in the last bit
    with a value's place in the batch.
    """
    # 1e-8 is 0.001 m/s²: below that, a phone at rest only shows rounding.
    return (tf.sqrt(tf.sqrt(tf.sqrt(power + 1e-8))) - 0.4) * 5.0


def conv_lstm(steps: int, classes: int) -> Model:
    """Two strided convolutions, then two LSTM layers on a quarter of the steps, then a dense layer.

    The convolutions cut the recurrent steps from 200 to 50, which makes the network faster than
    :func:`origin` as well as more accurate (after F. J. Ordóñez and D. Roggen, "Deep convolutional and LSTM
    recurrent neural networks for multimodal wearable activity recognition", Sensors 16(1), 2016). They see the
    readings and their :func:`detail`; the dense layer also sees :func:`movement_powers`.

    Parameters
    ----------
    steps : int
        Length of a window; a multiple of 4.
    classes : int
        Number of classes.

    Returns
    -------
    An uncompiled tf-keras model.
    """
    windows = layers.Input((steps, 3), name="windows")
    flow = layers.Concatenate()([windows, detail(windows)])
    flow = layers.Conv1D(64, 5, strides=2, padding="same", activation="relu")(flow)
    flow = layers.Conv1D(64, 5, strides=2, padding="same", activation="relu")(flow)
    flow = layers.Dropout(0.2)(flow)
    flow = layers.LSTM(64, return_sequences=True)(flow)
    flow = layers.Dropout(0.3)(flow)
    flow = layers.LSTM(64)(flow)
    flow = layers.Concatenate()([flow, movement_powers(windows)])
    flow = layers.Dense(64, activation="relu")(flow)
    flow = layers.Dropout(0.3)(flow)
    flow = layers.Dense(classes, activation="softmax", name="probabilities")(flow)
    return tf_keras.Model(windows, flow, name="conv_lstm")


def origin(steps: int, classes: int) -> Model:
    """Build the network this project started from: a dense layer per step, then two LSTM layers on all steps.

    Parameters
    ----------
    steps : int
        Length of a window.
    classes : int
        Number of classes.

    Returns
    -------
    An uncompiled tf-keras model of about 66,000 weights.
    """
    return tf_keras.Sequential(
        [
            layers.Input((steps, 3), name="windows"),
            layers.Dense(64, activation="relu"),
            layers.LSTM(64, return_sequences=True),
            layers.LSTM(64),
            layers.Dense(classes, activation="softmax", name="probabilities"),
        ],
        name="origin",
    )


NETWORKS: dict[str, Callable[[int, int], Model]] = {"conv_lstm": conv_lstm, "origin": origin}


def build(name: str, *, steps: int, classes: int) -> Model:
    """Build the network called `name`.

    Parameters
    ----------
    name : str
        A key of :data:`NETWORKS`.
    steps : int
        Length of a window.
    classes : int
        Number of classes.

    Returns
    -------
    An uncompiled tf-keras model.

    Raises
    ------
    UnknownNetworkError
        If there is no such network.
    """
    if name not in NETWORKS:
        raise UnknownNetworkError(f"no network called {name!r}; there are: {', '.join(sorted(NETWORKS))}")
    return NETWORKS[name](steps, classes)
