"""Values that networks compute from a window with fixed operations, beside what they learn.

All take normalised windows, float32 ``(batch, steps, 3)``. They use poolings, products and square roots only: the
order in which ONNX Runtime sums a reduction, and the last bit of its logarithm, depend on the place in the batch. The
probabilities of a window must not depend on the rest of the batch, not even in the last bit.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tf_keras import layers

# TensorFlow and tf-keras ship no type hints.
Tensor = Any

#: Gain of :func:`detail` before the hyperbolic tangent.
DETAIL_GAIN = 20.0
#: Block lengths of :func:`movement_powers`, steps: 0.04 to 1 s at 50 Hz.
POWER_BLOCKS = (2, 5, 10, 25, 50)
#: Block lengths of :func:`movement_directions`, steps: 0.02 to 0.6 s at 50 Hz.
DIRECTION_BLOCKS = (1, 2, 5, 12, 30)


def mean_over_time(signals: Tensor) -> Tensor:
    """Return the mean over time of signals (batch, steps, channels), shape (batch, 1, channels).

    It uses pooling instead of a reduction, because the order in which ONNX Runtime sums a reduction depends on the
    batch size. The probabilities of a window must not depend on the rest of the batch, not even in the last bit.
    """
    return layers.AveragePooling1D(signals.shape[1])(signals)


def centre(windows: Tensor) -> Tensor:
    """Subtract the mean over the window, which is mostly gravity, from each axis. The shape is unchanged."""
    return windows - mean_over_time(windows)


def detail(windows: Tensor) -> Tensor:
    """Amplify the deviation from the window's mean and compress it to [-1, 1]. The shape is unchanged.

    Without this, small movements are too small beside gravity to be learned.
    """
    return layers.Activation("tanh")(layers.Rescaling(DETAIL_GAIN)(centre(windows)))


def movement_powers(windows: Tensor) -> Tensor:
    """Return the power of movement at several time scales. It does not depend on the orientation of the phone.

    Long blocks average out the sensor's noise and keep slow movement, such as the sway of a standing body (below
    1 Hz, 0.02 m/s² in a pocket; 0.003 when sitting). Each block length gives two values: the power of the
    block means about the window's mean, and the mean of the compressed power of the differences between adjacent
    blocks. A short movement raises the first but hardly the second; steady sway raises both.

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
    """Compress a power with its eighth root, which is similar to a logarithm.

    Square roots are exact in every implementation. Logarithms are not: those of ONNX Runtime differ in the last bit,
    depending on the position in the batch.
    """
    # 1e-8 corresponds to 0.001 m/s². Below that, a phone at rest only shows rounding.
    return (tf.sqrt(tf.sqrt(tf.sqrt(power + 1e-8))) - 0.4) * 5.0


def dot(one: Tensor, other: Tensor) -> Tensor:
    """Return the scalar products of vectors (batch, steps or 1, 3), shape (batch, steps or 1, 1)."""
    products = one * other
    return products[:, :, 0:1] + products[:, :, 1:2] + products[:, :, 2:3]


def upright(windows: Tensor) -> Tensor:
    """Rotate the deviation from the window's mean to a frame defined by gravity and the phone's z axis.

    The axes are: up; across the body; and away from the body. The z axis of the phone lies in the plane of the first
    and third. The axes keep their meaning however the phone leans. If the screen is horizontal, the second and third
    axis are undefined, and their values tend to 0.

    The mean is subtracted before the rotation. Otherwise rounding errors relative to gravity, which differ between
    implementations, would exceed the movement of a phone at rest.

    Parameters
    ----------
    windows : tensor of float32, shape (batch, steps, 3)
        Normalised windows.

    Returns
    -------
    tensor of float32, shape (batch, steps, 3)
        Normalised movement along up, across and away.
    """
    up = _unit(mean_over_time(windows))
    away = _unit(tf.constant([[[0.0, 0.0, 1.0]]]) - up * up[:, :, 2:3])
    across = tf.gather(away, [1, 2, 0], axis=2) * tf.gather(up, [2, 0, 1], axis=2) - tf.gather(
        away, [2, 0, 1], axis=2
    ) * tf.gather(up, [1, 2, 0], axis=2)
    return tf.matmul(centre(windows), tf.concat([up, across, away], axis=1), transpose_b=True)


def _unit(vectors: Tensor) -> Tensor:
    # Vectors much shorter than 0.03 are noise and stay short.
    return vectors / tf.sqrt(dot(vectors, vectors) + 1e-3)


def movement_directions(
    windows: Tensor, turned: Tensor | None = None, blocks: Sequence[int] = DIRECTION_BLOCKS
) -> Tensor:
    """Return gravity, and the powers and correlations of the axes at several time scales.

    Sitting and standing wearers at rest differ less in the strength of movement than in its direction: breathing tilts
    a belt back and forth, a standing body sways. On the waist recordings, a classifier of these values without gravity
    distinguishes sitting from standing in 78 % of the windows of unseen people; of the total power alone, in 60 %. For
    walking, the powers along and across gravity distinguish stairs from level ground however the phone leans.

    Parameters
    ----------
    windows : tensor of float32, shape (batch, steps, 3)
        Normalised windows.
    turned : tensor of float32, shape (batch, steps, 3), optional
        The result of :func:`upright` for them, if it is needed elsewhere, too.
    blocks : sequence of int
        Block lengths, steps.

    Returns
    -------
    tensor of float32, shape (batch, 3 + 12 times the time scales)
        Gravity; then for each time scale six powers and six correlations, of the phone's axes and of those of
        :func:`upright`. All are of the order of 1.

    Notes
    -----
    The movement at a time scale is the difference between the means of two adjacent blocks of that length. Blocks
    overlap by half, which reduces the variance of the slow ones.
    """
    signals = tf.concat([centre(windows), upright(windows) if turned is None else turned], axis=2)
    values = []
    for block in blocks:
        length = min(block, windows.shape[1] // 4)
        stride = max(1, length // 2)
        means = layers.AveragePooling1D(length, strides=stride)(signals) if length > 1 else signals
        distance = 1 if length == 1 else 2
        steps = means[:, distance:] - means[:, :-distance]
        products = tf.matmul(steps, steps, transpose_a=True) * (1.0 / steps.shape[1])
        values.append(tf.gather(layers.Reshape((1, 36))(products), _SQUARES_AND_NEIGHBOURS, axis=2))
    moments = tf.concat(values, axis=1)
    powers, products = moments[:, :, :6], moments[:, :, 6:]
    correlations = products / tf.sqrt(powers * _next_axis(powers) + 1e-14)
    directions = tf.concat([_compress(powers) * 2.5, correlations * 2.0], axis=2)
    return layers.Concatenate()([layers.Flatten()(mean_over_time(windows) * 3.0), layers.Flatten()(directions)])


#: Places in a 6 x 6 matrix of products: the squares of the axes of both frames, then each axis with the next.
_SQUARES_AND_NEIGHBOURS = (0, 7, 14, 21, 28, 35, 1, 8, 12, 22, 29, 33)


def _next_axis(signals: Tensor) -> Tensor:
    """Replace x, y, z by y, z, x, in both frames."""
    return tf.gather(signals, [1, 2, 0, 4, 5, 3], axis=2)


#: Lower edges of the bands of :func:`spectrum` and the upper edge of the last one, in cycles per window: 0.25 to 9.5 Hz
#: for windows of 4 s. Bands are narrow where cadences lie, and widen above.
BAND_EDGES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 24, 30, 38)
#: Elements of a constant from which on LiteRT's converter rounds it to int8.
SMALLEST_ROUNDED = 1_024


def spectrum(windows: Tensor, turned: Tensor) -> Tensor:
    """Return the share of each band of frequencies in the power of movement, and of turning.

    The five signals are the movement along up, across and away (:func:`upright`), its magnitude beside up, and the
    magnitude of the whole acceleration, which does not depend on the orientation. Cadence and its harmonics
    distinguish walking, stairs, jogging and cycling however the phone is worn; an engine and the road have none.

    Parameters
    ----------
    windows, turned : tensor of float32, shape (batch, steps, 3)
        Normalised windows, and the result of :func:`upright` for them.

    Returns
    -------
    tensor of float32, shape (batch, 5 times the bands)
        Compressed powers, of the order of 1.

    Notes
    -----
    A discrete Fourier transform with a Hann window, as a product with a fixed matrix, of the signal at half the rate.
    About the middle of the window, cosines are even and sines are odd, so each needs half of the matrix only.
    """
    across, away = turned[:, :, 1:2], turned[:, :, 2:3]
    beside = tf.sqrt(across * across + away * away + 1e-6)
    whole = tf.sqrt(dot(windows, windows) + 1e-6)
    signals = tf.concat([turned, centre(beside), centre(whole)], axis=2)
    by_signal = layers.Permute((2, 1))(layers.AveragePooling1D(2)(signals))
    half = by_signal.shape[2] // 2
    first, second = by_signal[:, :, :half], tf.reverse(by_signal, axis=[2])[:, :, :half]
    cosines, sines = _fourier(2 * half)
    real, imaginary = _product(first + second, cosines), _product(first - second, sines)
    bands = _product(real * real + imaginary * imaginary, _band_sums())
    return layers.Flatten()(_compress(bands))


def _fourier(steps: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the first halves (steps / 2, frequencies) of a windowed Fourier transform, cosines and sines.

    Angles are counted from the middle of the window.
    """
    frequencies = np.arange(BAND_EDGES[0], BAND_EDGES[-1])
    places = np.arange(steps // 2) + 0.5
    angles = 2 * np.pi / steps * np.outer(places - steps / 2, frequencies)
    hann = np.sin(np.pi / steps * places)[:, None] ** 2 * (2.0 / steps)
    return np.cos(angles) * hann, np.sin(angles) * hann


def _band_sums() -> NDArray[np.float64]:
    """Return the matrix (frequencies, bands) that sums the powers of each band."""
    frequencies = np.arange(BAND_EDGES[0], BAND_EDGES[-1])
    lower, upper = np.array(BAND_EDGES[:-1]), np.array(BAND_EDGES[1:])
    return ((frequencies[:, None] >= lower) & (frequencies[:, None] < upper)).astype(np.float64)


def _product(signals: Tensor, matrix: NDArray[np.float64]) -> Tensor:
    """Multiply by a fixed matrix, in pieces that are too small to be rounded to int8.

    LiteRT's dynamic quantisation rounds constants of `SMALLEST_ROUNDED` elements or more, and what they are multiplied
    by. That changed the spectrum, and with it 1 prediction in 100.
    """
    columns = max(1, (SMALLEST_ROUNDED - 1) // matrix.shape[0])
    pieces = [matrix[:, at : at + columns].astype(np.float32) for at in range(0, matrix.shape[1], columns)]
    return tf.concat([tf.matmul(signals, tf.constant(piece)) for piece in pieces], axis=2)


def vertical_shape(turned: Tensor) -> Tensor:
    """Return the skewness and the kurtosis of the movement along gravity, shape (batch, 2), of the order of 1.

    A step downstairs ends in an impact, a step upstairs begins with a push: the vertical movement is skewed
    differently. The values are compressed, so that a single blow does not dominate.

    Parameters
    ----------
    turned : tensor of float32, shape (batch, steps, 3)
        The result of :func:`upright`.
    """
    up = turned[:, :, 0:1]
    squares = up * up
    second = mean_over_time(squares) + 1e-5
    third, fourth = mean_over_time(squares * up), mean_over_time(squares * squares)
    skewness = third / (second * tf.sqrt(second))
    kurtosis = tf.sqrt(fourth) / second
    return layers.Flatten()(tf.concat([tf.tanh(skewness * 0.5) * 2.0, tf.tanh(kurtosis * 0.3) * 2.0], axis=2))
