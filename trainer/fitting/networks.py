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
#: The same for :func:`movement_directions`: 0.02 to 0.6 s at 50 Hz.
DIRECTION_BLOCKS = (1, 2, 5, 12, 30)


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


def dot(one: Tensor, other: Tensor) -> Tensor:
    """Return the scalar products of vectors (batch, steps or 1, 3), shape (batch, steps or 1, 1)."""
    products = one * other
    return products[:, :, 0:1] + products[:, :, 1:2] + products[:, :, 2:3]


def upright(windows: Tensor) -> Tensor:
    """Turn movement about the window's mean so that up is the first axis, and the phone's back in the first and third.

    Up and down, across and away from the body: axes that mean the same however the phone leans. Where the screen
    lies flat, away from the body means nothing; the second and third axis fade to 0 there.

    The mean is subtracted before the turn: afterwards, rounding beside gravity would drown what a phone at rest shows,
    and each implementation rounds in its own way.

    Parameters
    ----------
    windows : tensor of float32, shape (batch, steps, 3)
        Normalised windows.

    Returns
    -------
    tensor of float32, shape (batch, steps, 3)
    """
    up = _unit(mean_over_time(windows))
    away = _unit(tf.constant([[[0.0, 0.0, 1.0]]]) - up * up[:, :, 2:3])
    across = tf.gather(away, [1, 2, 0], axis=2) * tf.gather(up, [2, 0, 1], axis=2) - tf.gather(
        away, [2, 0, 1], axis=2
    ) * tf.gather(up, [1, 2, 0], axis=2)
    movement = centre(windows)
    return tf.concat([dot(movement, up), dot(movement, across), dot(movement, away)], axis=2)


def _unit(vectors: Tensor) -> Tensor:
    # Vectors much shorter than 0.03 are noise: they stay short.
    return vectors / tf.sqrt(dot(vectors, vectors) + 1e-3)


def movement_directions(windows: Tensor) -> Tensor:
    """Movement's power along each axis and the correlations between axes, at several time scales; and gravity.

    Who sits and who stands at rest hardly differ in how much they move but in the direction: breathing tilts a belt
    to and fro, a standing body sways. On the waist recordings, a classifier of these values without gravity tells
    sitting from standing for 78 % of the windows of people it has not seen; of the total power alone, for 60 %.
    For walking, the power away from gravity and along it tells stairs from level ground however the phone leans.

    Parameters
    ----------
    windows : tensor of float32, shape (batch, steps, 3)
        Normalised windows.

    Returns
    -------
    tensor of float32, shape (batch, 3 + 12 times the time scales)
        Gravity; then for each scale six powers and six correlations, of the phone's own axes and of those of
        :func:`upright`. All are of the order of 1.

    Notes
    -----
    A movement at a time scale is the difference between the means of two adjacent blocks of that length. Blocks
    overlap by half, which makes the slow ones steadier.
    """
    signals = tf.concat([centre(windows), upright(windows)], axis=2)
    values = []
    for block in DIRECTION_BLOCKS:
        length = min(block, windows.shape[1] // 4)
        stride = max(1, length // 2)
        means = layers.AveragePooling1D(length, strides=stride)(signals) if length > 1 else signals
        apart = 1 if length == 1 else 2
        steps = means[:, apart:] - means[:, :-apart]
        values.append(mean_over_time(tf.concat([steps * steps, steps * _next_axis(steps)], axis=2)))
    moments = tf.concat(values, axis=1)
    powers, products = moments[:, :, :6], moments[:, :, 6:]
    correlations = products / tf.sqrt(powers * _next_axis(powers) + 1e-14)
    directions = tf.concat([_compress(powers) * 2.5, correlations * 2.0], axis=2)
    return layers.Concatenate()([layers.Flatten()(mean_over_time(windows) * 3.0), layers.Flatten()(directions)])


def _next_axis(signals: Tensor) -> Tensor:
    """Put y, z, x in the place of x, y, z, in both of two frames."""
    return tf.gather(signals, [1, 2, 0, 4, 5, 3], axis=2)


def conv_lstm(steps: int, classes: int) -> Model:
    """Three strided convolutions, then two LSTM layers on an eighth of the steps, then a dense layer.

    The convolutions cut the recurrent steps from 200 to 25, which makes the network several times as fast as
    :func:`origin` as well as more accurate (after F. J. Ordóñez and D. Roggen, "Deep convolutional and LSTM
    recurrent neural networks for multimodal wearable activity recognition", Sensors 16(1), 2016). They see the
    readings and their :func:`detail`; the dense layer also sees :func:`movement_powers` and
    :func:`movement_directions`.

    Parameters
    ----------
    steps : int
        Length of a window; a multiple of 8.
    classes : int
        Number of classes.

    Returns
    -------
    An uncompiled tf-keras model of about 87,000 weights.
    """
    windows = layers.Input((steps, 3), name="windows")
    flow = layers.Concatenate()([windows, detail(windows)])
    flow = layers.Conv1D(32, 5, strides=2, padding="same", activation="relu")(flow)
    flow = layers.Conv1D(48, 5, strides=2, padding="same", activation="relu")(flow)
    flow = layers.Conv1D(48, 3, strides=2, padding="same", activation="relu")(flow)
    flow = layers.Dropout(0.2)(flow)
    flow = layers.LSTM(64, return_sequences=True)(flow)
    flow = layers.Dropout(0.3)(flow)
    flow = layers.LSTM(64)(flow)
    flow = layers.Concatenate()([flow, movement_powers(windows), movement_directions(windows)])
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
