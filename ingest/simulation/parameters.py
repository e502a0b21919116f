"""The table of fitted parameters from which simulated wearers are drawn.

:mod:`benchmarks.simulation_fit.fitting` writes the table to ``parameters.json`` beside this module. It contains
statistics over all fitted wearers (means, principal axes, spreads, spectra), but no recorded sample and no parameters
of a single wearer. Units: m/s² (with gravity, Android's sign convention), s, Hz; coefficients of strides are whole
cm/s².
"""

from typing import Literal, get_args

import msgspec

Activity = Literal["sit", "stand", "walk", "stairsup", "stairsdown"]
Placement = Literal["waist", "pocket"]

POSTURES: tuple[Activity, ...] = ("sit", "stand")
GAITS: tuple[Activity, ...] = ("walk", "stairsup", "stairsdown")
ACTIVITIES: tuple[Activity, ...] = POSTURES + GAITS
PLACEMENTS: tuple[Placement, ...] = get_args(Placement)
AXES = 3
FORMAT = 1


class JointQuantity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One quantity of the joint normal distribution over wearers.

    A wearer's value is ``mean + sum_k z_k * loadings[k] + residual * e``. ``z`` are standard normal scores that all
    quantities of a wearer share, so that sitting and standing are correlated, for example. ``e`` are standard normal
    scores of this quantity alone.

    Attributes
    ----------
    mean
        Mean over the fitted wearers, ``(d,)``.
    loadings
        Principal axes, scaled by their standard deviations, ``(components, d)``.
    residual
        Standard deviation that the axes do not explain, ``(d,)``.
    """

    mean: list[float]
    loadings: list[list[float]]
    residual: list[float]


class Spectrum(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Power density of coloured noise on three axes.

    Attributes
    ----------
    frequencies
        Increasing frequencies, Hz, ``(f,)``; the density is interpolated log-log between them and is zero outside.
    density
        Relative power density of each axis, ``(3, f)``.
    spread
        Standard deviation of each axis at level 1, ``(3,)``.
    mixing
        Lower triangular factor of the correlation between the axes, with rows of unit length, ``(3, 3)``.
    """

    frequencies: list[float]
    density: list[list[float]]
    spread: list[float]
    mixing: list[list[float]]


class LevelProcess(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The variation of a noise level over time.

    Attributes
    ----------
    frame_seconds
        Length of the frames for which levels are drawn, s; levels are interpolated between frames.
    quantiles
        Quantiles of a frame's log level relative to the wearer's median, at equal steps of the normal score from -2.5
        to 2.5.
    correlation
        Correlation between the normal scores of successive frames.
    """

    frame_seconds: float
    quantiles: list[float]
    correlation: float


class PostureParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of a posture: sitting or standing.

    Attributes
    ----------
    gravity
        Mean acceleration, m/s², 3 values.
    log_levels
        Natural logarithms of the levels (m/s²) of slow sway and tremor, 2 values.
    gravity_mixing
        Lower triangular factor of the covariance of a wearer's mean acceleration between bouts, m/s², ``(3, 3)``.
    sway, tremor
        Spectra of slow sway (below 0.5 Hz) and tremor (above 0.5 Hz).
    sway_level, tremor_level
        Variation of their levels over time; the upper tails are shifts of posture and fidgets.
    """

    gravity: JointQuantity
    log_levels: JointQuantity
    gravity_mixing: list[list[float]]
    sway: Spectrum
    tremor: Spectrum
    sway_level: LevelProcess
    tremor_level: LevelProcess


class StrideVariation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One principal axis of the variation between a wearer's strides, at variability level 1.

    Attributes
    ----------
    x, y, z
        One standard deviation along the axis: Fourier coefficients of the phone's three axes, cm/s².
    bout_share
        Share of the variance between bouts, 0 to 1; the rest is between strides of a bout.
    stride_correlation
        Correlation of successive strides in a bout.
    """

    x: list[float]
    y: list[float]
    z: list[float]
    bout_share: float
    stride_correlation: float


class GaitParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of a gait: walking, or climbing stairs up or down.

    Attributes
    ----------
    log_stride_period
        Natural logarithm of the stride period (two steps) in s, 1 value.
    log_variability
        Natural logarithm of the variability level of the strides, 1 value.
    x, y, z
        Mean stride as Fourier coefficients ``offset, cos 1, sin 1, cos 2, sin 2, ...`` of the stride frequency, cm/s².
        Phase zero is the same for all three axes and all wearers.
    period_bout_spread, period_stride_spread, period_stride_correlation
        Standard deviation of the log period between bouts and between strides of a bout, and the correlation of
        successive strides.
    variation
        Principal axes of the variation between strides.
    noise
        Spectrum of the noise that the axes do not explain, at variability level 1.
    noise_envelope
        Relative level of the noise in equal bins of the stride's phase (a heel strike varies more than a swing).
    """

    log_stride_period: JointQuantity
    log_variability: JointQuantity
    x: JointQuantity
    y: JointQuantity
    z: JointQuantity
    period_bout_spread: float
    period_stride_spread: float
    period_stride_correlation: float
    variation: list[StrideVariation]
    noise: Spectrum
    noise_envelope: list[float]


class PlacementParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of one placement of the phone.

    Attributes
    ----------
    fitted_wearers
        Number of occasions of wear to which the table was fitted; see `benchmarks.simulation_fit.fitting`.
    recording_scale, recording_noise
        Relative scale of the recording device, and its noise at rest (m/s², per axis). Both are removed from the fitted
        parameters, as every simulated phone has its own.
    postures, gaits
        Parameters by activity.
    """

    fitted_wearers: int
    recording_scale: float
    recording_noise: float
    postures: dict[str, PostureParameters]
    gaits: dict[str, GaitParameters]


class DeviceParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Differences between phones.

    Attributes
    ----------
    scale_spread
        Standard deviation of the relative scale error of devices.
    bias_spread
        Standard deviation of the constant error of an axis, m/s².
    log_noise_mean, log_noise_spread
        Mean and standard deviation of the natural logarithm of the sensor noise (m/s², per axis) at rest.
    rate_spread
        Standard deviation of the relative error of the sample rate against its nominal value.
    jitter_spread
        Standard deviation of a reading's time around the regular grid, in sample periods.
    """

    scale_spread: float
    bias_spread: float
    log_noise_mean: float
    log_noise_spread: float
    rate_spread: float
    jitter_spread: float


class ParameterTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table of all parameters.

    Attributes
    ----------
    format
        Version of the format, `FORMAT`.
    description
        Notes for readers of the file.
    placements
        Parameters by placement.
    device
        Differences between phones.
    """

    format: int
    description: dict[str, str]
    placements: dict[str, PlacementParameters]
    device: DeviceParameters
