import json
from collections.abc import Iterator
from importlib import resources

import pytest

from ingest.simulation.parameter_loading import ParameterTableError, decode_parameters, load_parameters

LONGEST_LIST = 64
LARGEST_TABLE_BYTES = 60_000


def document() -> bytes:
    return resources.files("ingest.simulation").joinpath("parameters.json").read_bytes()


def lists_in(value: object) -> Iterator[list[object]]:
    if isinstance(value, list):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from lists_in(item)


def test_the_table_is_small_and_holds_no_long_series() -> None:
    assert len(document()) < LARGEST_TABLE_BYTES
    assert max(len(found) for found in lists_in(json.loads(document()))) <= LONGEST_LIST


def test_the_table_holds_no_scores_of_single_wearers() -> None:
    table = load_parameters()
    for placement in table.placements.values():
        components = len(placement.postures["sit"].gravity.loadings)
        assert components < placement.fitted_wearers


def test_the_table_is_valid() -> None:
    assert load_parameters() == decode_parameters(document())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), 2),
        (("placements",), {}),
        (("placements", "waist", "gaits", "walk", "x", "mean"), [1.0, 2.0, 3.0]),
        (("placements", "waist", "gaits", "walk", "x", "loadings"), []),
        (("placements", "pocket", "postures", "sit", "gravity", "residual"), [0.1, -0.1, 0.1]),
        (("placements", "pocket", "postures", "sit", "tremor", "frequencies"), [3.0, 2.0]),
        (("placements", "pocket", "gaits", "walk", "noise_envelope"), []),
        (("device", "bias_spread"), "large"),
    ],
)
def test_a_malformed_table_is_rejected(path: tuple[str, ...], value: object) -> None:
    table = json.loads(document())
    place = table
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ParameterTableError):
        decode_parameters(json.dumps(table).encode())


def test_invalid_json_is_rejected() -> None:
    with pytest.raises(ParameterTableError, match="malformed"):
        decode_parameters(b"{")
