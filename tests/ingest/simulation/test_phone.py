import subprocess
import sys
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.simulation.parameter_loading import load_parameters
from ingest.simulation.parameters import ACTIVITIES, Placement
from ingest.simulation.phone import SimulatedPhone

START = 1_700_000_000_123_456
SECOND = 1_000_000


def phone(
    seed: int = 5,
    index: int = 0,
    *,
    placement: Placement | None = None,
    sample_rate_hz: float | None = None,
    segment_seconds: float = 12.0,
) -> SimulatedPhone:
    return SimulatedPhone(
        seed,
        index,
        session_start_us=START,
        placement=placement,
        sample_rate_hz=sample_rate_hz,
        segment_seconds=segment_seconds,
    )


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    rate=st.sampled_from([50.0, 60.0, 200.0]),
    placement=st.sampled_from(["waist", "pocket"]),
    cuts=st.lists(st.integers(-SECOND, 30 * SECOND), max_size=25),
)
def test_readings_do_not_depend_on_how_they_are_requested(
    seed: int, rate: float, placement: Placement, cuts: list[int]
) -> None:
    whole = phone(seed, placement=placement, sample_rate_hz=rate, segment_seconds=4.0)
    pieces = phone(seed, placement=placement, sample_rate_hz=rate, segment_seconds=4.0)
    expected = whole.readings_until(START + 30 * SECOND)
    found = [pieces.readings_until(START + cut) for cut in [*sorted(cuts), 30 * SECOND]]
    assert np.concatenate([part.time_us for part in found]).tolist() == expected.time_us.tolist()
    together = np.concatenate([part.acceleration for part in found])
    assert together.tobytes() == expected.acceleration.tobytes()


def test_readings_depend_on_seed_and_index_only() -> None:
    one, same, other, neighbour = (
        phone(seed, index, sample_rate_hz=50.0).readings_until(START + 20 * SECOND).acceleration
        for seed, index in ((1, 0), (1, 0), (2, 0), (1, 1))
    )
    assert one.tobytes() == same.tobytes()
    assert one[:900].tobytes() not in (other[:900].tobytes(), neighbour[:900].tobytes())


@pytest.mark.parametrize("rate", [50.0, 60.0, 100.0, 150.0, 200.0])
def test_times_increase_strictly_at_the_nominal_rate_with_jitter(rate: float) -> None:
    times = phone(sample_rate_hz=rate).readings_until(START + 60 * SECOND).time_us
    intervals = np.diff(times)
    assert times.dtype == np.int64
    assert START <= times[0] <= times[-1] <= START + 60 * SECOND
    assert intervals.min() > 0
    assert len(times) / 60 == pytest.approx(rate, rel=0.025)
    assert 0.01 < intervals.std() * rate / SECOND < 0.5


@pytest.mark.parametrize("placement", ["waist", "pocket"])
def test_readings_are_finite_and_of_plausible_magnitude(placement: Placement) -> None:
    for index in range(12):
        readings = phone(9, index, placement=placement).readings_until(START + 130 * SECOND)
        assert readings.acceleration.dtype == np.float32
        magnitude = np.sqrt((readings.acceleration.astype(np.float64) ** 2).sum(axis=1))
        assert np.isfinite(magnitude).all()
        assert magnitude.max() < 60
        assert np.median(magnitude) == pytest.approx(9.8, abs=1.2)


def test_a_change_of_activity_is_smooth() -> None:
    for index in range(6):
        wearer = phone(3, index, placement="waist", sample_rate_hz=200.0)
        readings = wearer.readings_until(START + 60 * SECOND)
        steps = np.abs(np.diff(readings.acceleration, axis=0)).max(axis=1)
        elapsed = readings.time_us[1:] - START
        near = np.abs((elapsed + 6 * SECOND) % (12 * SECOND) - 6 * SECOND) < SECOND // 2
        assert steps[near].max() < 2 * steps.max()
        assert steps[near].max() < 6.0


def test_readings_agree_with_the_ground_truth() -> None:
    wearer = phone(4, sample_rate_hz=100.0, segment_seconds=10.0)
    readings = wearer.readings_until(START + 100 * SECOND)
    labels = wearer.activity_at(readings.time_us)
    inside = np.abs((readings.time_us - START) % (10 * SECOND) - 5 * SECOND) < 4 * SECOND
    magnitude = np.sqrt((readings.acceleration.astype(np.float64) ** 2).sum(axis=1))
    spread = {activity: magnitude[inside & (labels == activity)].std() for activity in ACTIVITIES}
    assert max(spread["sit"], spread["stand"]) < 1.0 < min(spread["walk"], spread["stairsup"], spread["stairsdown"])


def test_devices_differ_as_in_the_table() -> None:
    device = load_parameters().device
    phones = [phone(11, index) for index in range(200)]
    assert {one.sample_rate_hz for one in phones} == {50.0, 60.0, 100.0, 150.0, 200.0}
    assert {one.placement for one in phones} == {"waist", "pocket"}
    assert len({one.device for one in phones}) == len(phones)
    still = [one for one in phones if one.placement == "pocket"][:40]
    magnitudes = []
    for one in still:
        readings = one.readings_until(START + 60 * SECOND)
        chosen = np.isin(one.activity_at(readings.time_us), ["sit", "stand"])
        magnitudes.append(np.median(np.sqrt((readings.acceleration[chosen] ** 2).sum(axis=1))))
    expected = np.hypot(device.bias_spread, 9.81 * device.scale_spread)
    assert 0.6 < np.std(magnitudes) / expected < 1.6


def test_a_second_of_readings_takes_less_than_two_milliseconds() -> None:
    one = phone(sample_rate_hz=200.0)
    one.readings_until(START)
    durations = []
    for first, last in pairwise(range(0, 61)):
        began = time.perf_counter()
        readings = one.readings_until(START + last * SECOND)
        durations.append(time.perf_counter() - began)
        assert abs(len(readings.time_us) - 200) < 10, first
    assert np.median(durations) < 0.002


def test_running_needs_neither_scipy_nor_pandas() -> None:
    command = (
        "import sys, ingest.simulation.phone as p; "
        "p.SimulatedPhone(1, 0, session_start_us=0).readings_until(1000000); "
        "assert not {'scipy', 'pandas', 'pyarrow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", command], check=True)


@pytest.mark.parametrize(
    "arguments",
    [{"seed": -1}, {"index": -1}, {"sample_rate_hz": 1.0}, {"placement": "head"}, {"segment_seconds": 0.5}],
)
def test_arguments_out_of_range_are_rejected(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must|lasts"):
        SimulatedPhone(**{"seed": 1, "index": 0, "session_start_us": START, **arguments})  # type: ignore[arg-type]
