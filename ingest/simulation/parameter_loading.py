"""Loading and validation of the parameter table."""

import math
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources

import msgspec

from har.samples import UNDECODABLE
from ingest.simulation.parameters import (
    AXES,
    FORMAT,
    GAITS,
    PLACEMENTS,
    POSTURES,
    GaitParameters,
    JointQuantity,
    ParameterTable,
    PlacementParameters,
    PostureParameters,
    Spectrum,
)


class ParameterTableError(ValueError):
    """Raised if the table is malformed."""


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
    except UNDECODABLE as error:
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
