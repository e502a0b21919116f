"""The acceleration that one wearer's body gives the phone in one bout of one activity.

A bout is rendered as a whole on a regular grid of 200 Hz, from its own random generator. A reading therefore depends
only on the wearer, the bout and the time, and not on how the readings are requested.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.simulation.parameters import (
    AXES,
    GaitParameters,
    JointQuantity,
    LevelProcess,
    PostureParameters,
    Spectrum,
    StrideVariation,
)

FloatArray = NDArray[np.float64]

GRID_HZ = 200
GRAVITY = 9.80665
LARGEST_DEVIATION = 2.5
MOST_TILT = 0.9
CENTIMETRES = 100.0
STRIDE_POINTS = 256
STRIDE_BLEND = 0.15


@dataclass(frozen=True, kw_only=True)
class RenderedBout:
    """One bout of one activity, rendered on the grid.

    Attributes
    ----------
    gravity
        Mean acceleration, m/s², ``(3,)``.
    motion
        Acceleration added to the mean, m/s², ``(n, 3)`` on the grid of 200 Hz.
    """

    gravity: FloatArray
    motion: FloatArray


def draw_quantity(quantity: JointQuantity, scores: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Draw one wearer's value of a quantity, ``(d,)``; normal deviates are clipped to 2.5 standard deviations."""
    own = limited_normal(generator, len(quantity.mean))
    value = np.array(quantity.mean)
    for score, loading in zip(scores, quantity.loadings, strict=True):
        value = value + score * np.array(loading)
    total: FloatArray = value + own * np.array(quantity.residual)
    return total


def limited_normal(generator: np.random.Generator, *shape: int) -> FloatArray:
    """Return standard normal deviates clipped to ±2.5, so that no wearer is an extreme outlier."""
    return np.clip(generator.standard_normal(shape), -LARGEST_DEVIATION, LARGEST_DEVIATION)


def restore_gravity(vector: FloatArray) -> FloatArray:
    """Return the vector with its largest component adjusted so that its length is standard gravity, m/s².

    The two smaller components hold the tilt and stay unchanged. If they alone are nearly as long as gravity, all three
    components are scaled instead.
    """
    largest = int(np.argmax(np.abs(vector)))
    rest = float((vector**2).sum() - vector[largest] ** 2)
    if rest > (MOST_TILT * GRAVITY) ** 2:
        return scale_to_gravity(vector)
    whole = vector.copy()
    whole[largest] = np.copysign(np.sqrt(GRAVITY**2 - rest), vector[largest])
    return whole


def scale_to_gravity(vector: FloatArray) -> FloatArray:
    """Return the vector scaled to the length of standard gravity, m/s²."""
    scaled: FloatArray = vector * (GRAVITY / np.sqrt((vector**2).sum()))
    return scaled


class Posture:
    """One wearer's posture, sitting or standing: gravity, slow sway, tremor and fidgets."""

    def __init__(self, parameters: PostureParameters, scores: FloatArray, generator: np.random.Generator) -> None:
        self._parameters = parameters
        self._gravity = draw_quantity(parameters.gravity, scores, generator)
        self._log_sway, self._log_tremor = draw_quantity(parameters.log_levels, scores, generator)

    def bout(self, steps: int, generator: np.random.Generator) -> RenderedBout:
        """Render a bout of ``steps`` grid steps."""
        parameters = self._parameters
        deviation = _mix(limited_normal(generator, AXES), parameters.gravity_mixing)
        gravity = restore_gravity(self._gravity + deviation)
        sway_level = np.exp(self._log_sway + log_level(parameters.sway_level, steps, generator))
        sway = coloured_noise(parameters.sway, steps, generator) * sway_level[:, None]
        tremor_level = np.exp(self._log_tremor + log_level(parameters.tremor_level, steps, generator))
        tremor = coloured_noise(parameters.tremor, steps, generator) * tremor_level[:, None]
        return RenderedBout(gravity=gravity, motion=sway + tremor)


class Gait:
    """One wearer's gait, walking or climbing: a mean stride, its variation and noise."""

    def __init__(self, parameters: GaitParameters, scores: FloatArray, generator: np.random.Generator) -> None:
        self._parameters = parameters
        self._stride = (
            np.stack(
                [draw_quantity(quantity, scores, generator) for quantity in (parameters.x, parameters.y, parameters.z)]
            )
            / CENTIMETRES
        )
        self._log_period = float(draw_quantity(parameters.log_stride_period, scores, generator)[0])
        self._variability = float(np.exp(draw_quantity(parameters.log_variability, scores, generator)[0]))
        self._directions = [np.array([part.x, part.y, part.z]) / CENTIMETRES for part in parameters.variation]

    def bout(self, steps: int, generator: np.random.Generator) -> RenderedBout:
        """Render a bout of ``steps`` grid steps."""
        stride, phase = self._phases(steps, generator)
        coefficients = self._coefficients(int(stride[-1]) + 2, generator)
        offset = coefficients[:, :, 0].mean(axis=0)
        waves = _waveforms(coefficients)
        fine = phase * STRIDE_POINTS
        column = fine.astype(np.int64)
        fraction = (fine - column)[:, None]
        following = (column + 1) % STRIDE_POINTS
        here = waves[stride, column] * (1 - fraction) + waves[stride, following] * fraction
        after = waves[stride + 1, column] * (1 - fraction) + waves[stride + 1, following] * fraction
        blend = smooth_step((phase - (1 - STRIDE_BLEND)) / STRIDE_BLEND)[:, None]
        periodic = here * (1 - blend) + after * blend
        envelope = np.array(self._parameters.noise_envelope)
        bins = (np.arange(len(envelope) + 2) - 0.5) / len(envelope)
        level = np.interp(phase, bins, np.concatenate([envelope[-1:], envelope, envelope[:1]]))
        noise = coloured_noise(self._parameters.noise, steps, generator)
        gravity = scale_to_gravity(offset)
        return RenderedBout(gravity=gravity, motion=periodic - gravity + noise * (self._variability * level)[:, None])

    def _phases(self, steps: int, generator: np.random.Generator) -> tuple[NDArray[np.int64], FloatArray]:
        """Return the stride number and the phase in the stride, 0 to 1, of every grid step, ``(steps,)`` each."""
        parameters = self._parameters
        bout_log_period = self._log_period + parameters.period_bout_spread * float(limited_normal(generator))
        count = int(2 * steps / GRID_HZ / np.exp(bout_log_period)) + 8
        wander = _autoregressive(count, parameters.period_stride_correlation, generator)
        periods = np.exp(bout_log_period + parameters.period_stride_spread * wander)
        ends = np.cumsum(periods) - generator.random() * periods[0]
        starts = ends - periods
        times = np.arange(steps) / GRID_HZ
        stride = np.searchsorted(ends, times, side="right")
        return stride, np.clip((times - starts[stride]) / periods[stride], 0.0, 1.0 - 1e-9)

    def _coefficients(self, strides: int, generator: np.random.Generator) -> FloatArray:
        """Return the Fourier coefficients of successive strides, m/s², ``(strides, 3, 1 + 2 * harmonics)``."""
        coefficients = np.repeat(self._stride[None], strides, axis=0)
        for part, direction in zip(self._parameters.variation, self._directions, strict=True):
            scores = self._variability * _variation_scores(part, strides, generator)
            coefficients += scores[:, None, None] * direction
        return coefficients


def smooth_step(position: FloatArray) -> FloatArray:
    """Return 0 for positions below 0, 1 above 1, and a smooth rise between."""
    inside = np.clip(position, 0.0, 1.0)
    rising: FloatArray = inside * inside * (3 - 2 * inside)
    return rising


def log_level(process: LevelProcess, steps: int, generator: np.random.Generator) -> FloatArray:
    """Return the log level of a noise relative to the wearer's own level, ``(steps,)``."""
    frame = process.frame_seconds * GRID_HZ
    count = int(steps / frame) + 3
    scores = _autoregressive(count, process.correlation, generator)
    places = np.linspace(-LARGEST_DEVIATION, LARGEST_DEVIATION, len(process.quantiles))
    levels = np.interp(scores, places, process.quantiles)
    beginning = generator.random()
    return np.interp(beginning + np.arange(steps) / frame, np.arange(count), levels)


def coloured_noise(spectrum: Spectrum, steps: int, generator: np.random.Generator) -> FloatArray:
    """Return noise with the given spectrum, ``(steps, 3)`` on the grid of 200 Hz, by spectral synthesis.

    Independent normal Fourier coefficients are scaled to the spectrum's power (Shinozuka and Deodatis 1991, spectral
    representation). The axes are then mixed to give them their correlation.
    """
    length = GRID_HZ * (-(-steps // GRID_HZ) + 1)
    frequencies = np.arange(length // 2 + 1) * (GRID_HZ / length)
    inside = (frequencies >= min(spectrum.frequencies[0], GRID_HZ / length)) & (frequencies <= spectrum.frequencies[-1])
    inside[0] = False
    places = np.flatnonzero(inside)
    axes = np.empty((AXES, steps))
    for axis in range(AXES):
        density = np.exp(
            np.interp(np.log(frequencies[places]), np.log(spectrum.frequencies), np.log(spectrum.density[axis]))
        )
        amplitude = np.sqrt(density / density.sum()) * (length / 2)
        coefficients = np.zeros(length // 2 + 1, dtype=np.complex128)
        coefficients.real[places] = amplitude * generator.standard_normal(len(places))
        coefficients.imag[places] = amplitude * generator.standard_normal(len(places))
        axes[axis] = np.fft.irfft(coefficients, length)[:steps]
    mixed = [sum(weight * axes[j] for j, weight in enumerate(row)) for row in spectrum.mixing]
    noise: FloatArray = np.stack(mixed, axis=1) * np.array(spectrum.spread)
    return noise


def _variation_scores(part: StrideVariation, strides: int, generator: np.random.Generator) -> FloatArray:
    of_bout = np.sqrt(part.bout_share) * float(limited_normal(generator))
    of_stride = _autoregressive(strides, part.stride_correlation, generator)
    scores: FloatArray = of_bout + np.sqrt(1 - part.bout_share) * of_stride
    return scores


def _waveforms(coefficients: FloatArray) -> FloatArray:
    """Return strides at equal steps of phase, m/s², ``(strides, STRIDE_POINTS, 3)``."""
    spectrum = np.zeros((len(coefficients), AXES, STRIDE_POINTS // 2 + 1), dtype=np.complex128)
    harmonics = (coefficients.shape[2] - 1) // 2
    spectrum[:, :, 0] = coefficients[:, :, 0]
    spectrum[:, :, 1 : harmonics + 1] = (coefficients[:, :, 1::2] - 1j * coefficients[:, :, 2::2]) / 2
    waves: FloatArray = np.fft.irfft(spectrum * STRIDE_POINTS, STRIDE_POINTS, axis=2).swapaxes(1, 2)
    return np.ascontiguousarray(waves)


def _autoregressive(count: int, correlation: float, generator: np.random.Generator) -> FloatArray:
    """Return a stationary first-order autoregressive sequence of unit variance."""
    innovations = limited_normal(generator, count) * np.sqrt(1 - correlation**2)
    values = np.empty(count)
    value = float(limited_normal(generator))
    for index in range(count):
        value = correlation * value + float(innovations[index])
        values[index] = value
    return values


def _mix(deviates: FloatArray, mixing: list[list[float]]) -> FloatArray:
    return np.array(
        [sum(weight * deviates[column] for column, weight in enumerate(row)) for row in mixing],
        dtype=np.float64,
    )
