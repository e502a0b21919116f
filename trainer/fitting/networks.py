"""The network architectures, by name.

All map normalised windows, float32 ``(batch, steps, 3)``, to class probabilities ``(batch, classes)``. They are built
with tf-keras (legacy Keras), because only its LSTM layers can be frozen to fused operators.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import tensorflow as tf
import tf_keras
from tf_keras import layers

from trainer.fitting.fixed_features import (
    detail,
    movement_directions,
    movement_powers,
    spectrum,
    upright,
    vertical_shape,
)

# TensorFlow and tf-keras ship no type hints.
Model = Any
Tensor = Any


class UnknownNetworkError(ValueError):
    """No network has this name. The message lists the available names."""


#: Block lengths of :func:`movement_directions` for a network that has a :func:`spectrum`, too, steps: 0.1 to 0.6 s.
SLOW_BLOCKS = (5, 12, 30)


def conv_lstm(steps: int, classes: int) -> Model:
    """Build a network of three strided convolutions, two LSTM layers on an eighth of the steps, and a dense layer.

    The convolutions reduce the recurrent steps from 200 to 25, so the network is several times as fast as
    :func:`origin`, and also more accurate (after F. J. Ordóñez and D. Roggen, "Deep convolutional and LSTM recurrent
    neural networks for multimodal wearable activity recognition", Sensors 16(1), 2016). Their inputs are the window and
    its :func:`detail`. The dense layer also gets :func:`movement_powers` and :func:`movement_directions`.

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


def conv_features(steps: int, classes: int) -> Model:
    """Build a network of strided convolutions and dilated residual blocks, with fixed features beside them.

    Three strided convolutions reduce 200 steps to 25. Three residual blocks of separable convolutions, each with twice
    the dilation of the one before, see the whole window (F. Chollet, "Xception: deep learning with depthwise separable
    convolutions", 2017; S. Bai, J. Z. Kolter and V. Koltun, "An empirical evaluation of generic convolutional and
    recurrent networks for sequence modeling", 2018). Their mean and their maximum over time go to the dense layer, and
    with them :func:`movement_powers`, :func:`movement_directions`, :func:`spectrum` and :func:`vertical_shape`.

    Parameters
    ----------
    steps : int
        Length of a window; a multiple of 8.
    classes : int
        Number of outputs.

    Returns
    -------
    An uncompiled tf-keras model of about 60,000 weights.
    """
    windows = layers.Input((steps, 3), name="windows")
    flow = layers.Concatenate()([windows, detail(windows)])
    for channels, width in ((32, 7), (48, 5), (64, 5)):
        flow = _normalised(layers.Conv1D(channels, width, strides=2, padding="same", use_bias=False)(flow))
        flow = layers.Activation("relu")(flow)
    for dilation in (1, 2, 4):
        added = layers.SeparableConv1D(64, 3, padding="same", dilation_rate=dilation, use_bias=False)(flow)
        added = layers.Activation("relu")(_normalised(added))
        flow = layers.Add()([flow, added])
    pooled = [layers.Flatten()(pool(flow.shape[1])(flow)) for pool in (layers.AveragePooling1D, layers.MaxPooling1D)]
    turned = upright(windows)
    fixed = [
        movement_powers(windows),
        movement_directions(windows, turned, SLOW_BLOCKS),
        spectrum(windows, turned),
        vertical_shape(turned),
    ]
    flow = layers.Concatenate()([_clipped(_normalised(layers.Concatenate()(part))) for part in (pooled, fixed)])
    flow = layers.Dense(80, activation="relu", name="features")(layers.Dropout(0.1)(flow))
    flow = layers.Dropout(0.2)(flow)
    flow = layers.Dense(classes, activation="softmax", name="probabilities")(flow)
    return tf_keras.Model(windows, flow, name="conv_features")


def _clipped(values: Tensor) -> Tensor:
    """Limit normalised values to 4 standard deviations, so that an outlier does not coarsen the int8 of all others."""
    return tf.minimum(tf.maximum(values, -4.0), 4.0)


def _normalised(flow: Tensor) -> Tensor:
    """Normalise a batch. The momentum suits trainings of 2,000 steps; freezing folds it into the convolution."""
    return layers.BatchNormalization(momentum=0.95)(flow)


def origin(steps: int, classes: int) -> Model:
    """Build the original network of this project: a dense layer per step, then two LSTM layers on all steps.

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


NETWORKS: dict[str, Callable[[int, int], Model]] = {
    "conv_features": conv_features,
    "conv_lstm": conv_lstm,
    "origin": origin,
}


def build(name: str, *, steps: int, classes: int) -> Model:
    """Build a network by its name.

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
    require_network(name)
    return NETWORKS[name](steps, classes)


def require_network(name: str) -> None:
    """Check that there is a network of this name.

    Raises
    ------
    UnknownNetworkError
        If there is none. The message lists the names.
    """
    if name not in NETWORKS:
        raise UnknownNetworkError(f"no network called {name!r}; choose one of: {', '.join(sorted(NETWORKS))}")
