"""The table of fitted parameters from which simulated wearers are drawn.

:mod:`benchmarks.simulation_fit.fitting` writes the table to ``parameters.json`` beside this module. It contains
statistics over all fitted wearers (means, principal axes, spreads, spectra), but no recorded sample and no parameters
of a single wearer. Units: m/s² (with gravity, Android's sign convention), s, Hz; coefficients of strides are whole
cm/s².
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
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


class ParameterTableError(ValueError):
    """Raised if the table is malformed."""


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


@lru_cache(maxsize=1)
def load_parameters() -> ParameterTable:
    """Return the table in the package, validated.

    Raises
    ------
    ParameterTableError
        If the table is malformed.
    """
    return decode_parameters(resources.files(__package__).joinpath("parameters.json").read_bytes())


def decode_parameters(document: bytes) -> ParameterTable:
    """Decode and validate a table.

    Parameters
    ----------
    document
        JSON, as :mod:`benchmarks.simulation_fit.fitting` writes it.

    Raises
    ------
    ParameterTableError
        If it does not have the structure of `ParameterTable`, or contains a number that is not finite.
    """
    try:
        table = msgspec.json.decode(document, type=ParameterTable)
    except msgspec.DecodeError as error:
        raise ParameterTableError(f"the parameter table is malformed: {error}") from error
    if table.format != FORMAT:
        raise ParameterTableError(f"the parameter table has format {table.format}, expected {FORMAT}")
    if set(table.placements) != set(PLACEMENTS):
        raise ParameterTableError(f"placements must be {PLACEMENTS}, not {sorted(table.placements)}")
    for name, placement in table.placements.items():
        for problem in _problems(placement):
            raise ParameterTableError(f"{name}: {problem}")
    return table


def _problems(placement: PlacementParameters) -> Iterator[str]:
    if set(placement.postures) != set(POSTURES) or set(placement.gaits) != set(GAITS):
        yield f"the postures must be {POSTURES} and the gaits {GAITS}"
        return
    components = len(placement.postures["sit"].gravity.loadings)
    for activity, posture in placement.postures.items():
        yield from _posture_problems(activity, posture, components)
    for activity, gait in placement.gaits.items():
        yield from _gait_problems(activity, gait, components)


def _posture_problems(activity: str, posture: PostureParameters, components: int) -> Iterator[str]:
    yield from _quantity_problems(f"{activity}.gravity", posture.gravity, AXES, components)
    yield from _quantity_problems(f"{activity}.log_levels", posture.log_levels, 2, components)
    yield from _spectrum_problems(f"{activity}.sway", posture.sway)
    yield from _spectrum_problems(f"{activity}.tremor", posture.tremor)
    if [len(row) for row in posture.gravity_mixing] != [AXES] * AXES:
        yield f"{activity}.gravity_mixing must be 3 x 3"
    for process in (posture.sway_level, posture.tremor_level):
        if sorted(process.quantiles) != process.quantiles or len(process.quantiles) < 2:
            yield f"{activity}: the quantiles of a level must be at least two and must not decrease"
        if not process.frame_seconds > 0 or not -1 < process.correlation < 1:
            yield f"{activity}: a level needs a positive frame_seconds and a correlation between -1 and 1"


def _gait_problems(activity: str, gait: GaitParameters, components: int) -> Iterator[str]:
    length = len(gait.x.mean)
    if length < 3 or length % 2 == 0:
        yield f"{activity}: a stride needs an offset and pairs of cosine and sine, not {length} values"
    for name, quantity, values in (
        ("x", gait.x, length),
        ("y", gait.y, length),
        ("z", gait.z, length),
        ("log_stride_period", gait.log_stride_period, 1),
        ("log_variability", gait.log_variability, 1),
    ):
        yield from _quantity_problems(f"{activity}.{name}", quantity, values, components)
    for part in gait.variation:
        if {len(part.x), len(part.y), len(part.z)} != {length}:
            yield f"{activity}.variation: each axis needs {length} coefficients"
        if not -1 < part.stride_correlation < 1 or not 0 <= part.bout_share <= 1:
            yield f"{activity}.variation: needs a bout_share from 0 to 1 and a correlation between -1 and 1"
    yield from _spectrum_problems(f"{activity}.noise", gait.noise)
    if not gait.noise_envelope or min(gait.noise_envelope) < 0:
        yield f"{activity}.noise_envelope must not be empty, and its levels must not be negative"


def _quantity_problems(name: str, quantity: JointQuantity, length: int, components: int) -> Iterator[str]:
    rows = [quantity.mean, quantity.residual, *quantity.loadings]
    if any(len(row) != length for row in rows):
        yield f"{name}: each row needs {length} values"
    if len(quantity.loadings) != components:
        yield f"{name}: needs {components} loadings like all quantities, not {len(quantity.loadings)}"
    if not all(math.isfinite(value) for row in rows for value in row):
        yield f"{name}: contains a number that is not finite"
    if any(value < 0 for value in quantity.residual):
        yield f"{name}: a standard deviation is negative"


def _spectrum_problems(name: str, spectrum: Spectrum) -> Iterator[str]:
    frequencies = spectrum.frequencies
    if len(frequencies) < 2 or frequencies[0] <= 0 or sorted(set(frequencies)) != frequencies:
        yield f"{name}: frequencies must be positive and increasing"
    if len(spectrum.density) != AXES or any(len(row) != len(frequencies) for row in spectrum.density):
        yield f"{name}: needs a density for each axis and frequency"
    if any(value <= 0 for row in spectrum.density for value in row):
        yield f"{name}: a power density must be positive"
    if len(spectrum.spread) != AXES or [len(row) for row in spectrum.mixing] != [AXES] * AXES:
        yield f"{name}: spread needs 3 values and mixing 3 x 3"
