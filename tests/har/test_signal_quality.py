"""Readings that tell too little are recognised, whatever spoiled them; good readings are not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har.merging import merge_readings
from har.signal_quality import REASONS, SignalBounds, signal_quality
from har.windowing import recording_windows

SECOND = 1_000_000
BEGIN = 1_700_000_000 * SECOND
BOUNDS = SignalBounds()


def walk(times: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """A movement with steps, m/s², in the resolution of a phone's sensor."""
    t = (times - BEGIN) / SECOND
    up = 9.8 + 4 * np.sin(2 * np.pi * 2 * t) + 3 * np.sin(2 * np.pi * 4 * t + 1)
    axes = np.stack([2 * np.cos(2 * np.pi * t), 1.5 * np.sin(2 * np.pi * 2 * t), up], axis=1)
    axes += np.random.default_rng(seed).normal(0, 0.05, axes.shape)
    return (np.round(axes / 0.01) * 0.01).astype(np.float32)


def even(rate_hz: float, seconds: float = 8) -> np.ndarray:
    return BEGIN + (np.arange(int(rate_hz * seconds)) * SECOND / rate_hz).astype(np.int64)


def reasons(times: np.ndarray, axes: np.ndarray) -> set[str | None]:
    windows = recording_windows(times, axes)
    assert len(windows.starts) >= 2
    return set(windows.reasons(BOUNDS))


@pytest.mark.parametrize("rate_hz", [45, 50, 60, 88, 100, 198, 200, 400])
def test_a_phone_of_any_usual_rate_is_classified(rate_hz):
    assert reasons(even(rate_hz), walk(even(rate_hz))) == {None}


@pytest.mark.parametrize("rate_hz", [2, 3, 5, 8, 10, 12, 15, 20, 25, 30, 39])
def test_a_phone_that_measures_too_rarely_is_sparse(rate_hz):
    assert reasons(even(rate_hz), walk(even(rate_hz))) == {"sparse"}


@given(rate_hz=st.sampled_from([60, 100, 200]), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_the_jitter_of_phones_is_allowed(rate_hz, seed):
    random = np.random.default_rng(seed)
    times = np.sort(even(rate_hz) + random.normal(0, 2_000, len(even(rate_hz))).astype(np.int64))
    assert reasons(times, walk(times, seed=seed)) == {None}


@pytest.mark.parametrize(("pause_ms", "expected"), [(60, {None}), (120, {None, "pauses"}), (400, {None, "pauses"})])
def test_a_long_pause_spoils_the_windows_above_it_only(pause_ms, expected):
    times = even(100, 16)
    times = times[(times < BEGIN + 8 * SECOND) | (times >= BEGIN + 8 * SECOND + pause_ms * 1_000)]
    windows = recording_windows(times, walk(times))
    assert set(windows.reasons(BOUNDS)) == expected
    for start, reason in zip(windows.starts - BEGIN, windows.reasons(BOUNDS), strict=True):
        assert reason is None or start <= 8 * SECOND + 400_000 <= start + 5 * SECOND


def test_many_short_pauses_spoil_a_window_too():
    times = even(100)
    times = times[(times - BEGIN) % 250_000 >= 90_000]
    assert reasons(times, walk(times)) == {"pauses"}


def test_a_phone_that_falls_below_the_bound_by_its_jitter_alone_is_sparse():
    times = even(42) + np.random.default_rng(0).integers(-8_000, 8_000, len(even(42)))
    assert reasons(times, walk(times)) == {"sparse"}


def test_a_phone_that_changes_to_a_lower_rate_has_no_pauses():
    times = np.concatenate((even(100), even(20) + 8 * SECOND))
    assert reasons(times, walk(times)) == {None, "sparse"}


@pytest.mark.parametrize("tick_ms", [20, 50, 100])
def test_a_clock_that_ticks_too_rarely_is_recognised(tick_ms):
    times = even(100)
    assert reasons(times // (tick_ms * 1_000) * (tick_ms * 1_000), walk(times)) == {"clock"}


def test_a_clock_that_stops_now_and_then_is_recognised():
    times = even(100)
    stands = (times - BEGIN) % SECOND < 150_000
    times = np.where(stands, (times - BEGIN) // SECOND * SECOND + BEGIN, times)
    assert reasons(times, walk(even(100))) == {"clock"}


@pytest.mark.parametrize("tick_ms", [1, 5, 10])
@pytest.mark.parametrize("rate_hz", [50, 60, 88, 100, 120, 150, 198, 200, 400])
def test_times_in_milliseconds_are_allowed(rate_hz, tick_ms):
    times = even(rate_hz)
    assert reasons(times // (tick_ms * 1_000) * (tick_ms * 1_000), walk(times)) == {None}


def test_readings_that_arrive_twice_do_not_look_like_a_clock_that_stands_still():
    times = np.repeat(even(100), 2)
    assert reasons(times, walk(times, seed=1)[np.arange(len(times)) // 2 * 2]) == {None}


def test_a_sensor_that_shows_one_value_is_not_a_phone_at_rest():
    times = even(50)
    assert reasons(times, np.tile(np.float32([0.1, 0.2, 9.8]), (len(times), 1))) == {"constant"}
    at_rest = np.tile(np.float32([0.1, 0.2, 9.8]), (len(times), 1))
    at_rest[::7, 2] += np.float32(0.01)
    assert reasons(times, at_rest) == {None}


@pytest.mark.parametrize("limit", [5.0, 9.81, 12.0])
def test_a_sensor_whose_range_is_too_small_is_recognised(limit):
    times = even(100)
    assert reasons(times, walk(times).clip(-limit, limit)) == {"clipped"}


def test_an_axis_that_does_not_work_is_recognised():
    times = even(100)
    axes = walk(times)
    axes[:, 2] = 0
    assert reasons(times, axes) == {"clipped"}


def test_a_phone_that_is_picked_up_is_not_clipped():
    times = even(100)
    axes = np.tile(np.float32([0, 0, 2.8]), (len(times), 1))  # it rests at the lowest value for most of the window
    axes[650:] = walk(times)[650:].clip([-9, -9, 3], None)
    windows = recording_windows(times, axes)
    assert windows.reasons(BOUNDS)[-1] is None


@pytest.mark.parametrize(("step", "expected"), [(0.15, None), (0.3, "coarse"), (1.0, "coarse")])
def test_values_in_coarse_steps_are_recognised(step, expected):
    times = even(50)
    assert reasons(times, (np.round(walk(times) / step) * step).astype(np.float32)) == {expected}


def test_the_quality_of_a_window_is_what_it_is_documented_to_be():
    times = np.array([0, 20, 40, 80, 100]) * 1_000
    axes = np.array([[0, 0, 9.0], [1, 0, 9.5], [0, 0, 9.0], [1, 0, 9.25], [0, 0, 9.0]])
    quality = signal_quality(times, axes, np.array([False, False, True, False, False]))
    assert (quality.readings, quality.covered_us, quality.longest_spacing_us) == (4, 100_000, 40_000)
    assert quality.mean_spacing_us == (3 * 20_000**2 + 40_000**2) / 100_000
    assert quality.standstill_us == 40_000**2 / 100_000
    assert (quality.is_constant, quality.step, quality.clipped_share) == (False, 0.25, 0.0)


@given(seed=st.integers(0, 999), cuts=st.lists(st.integers(1, 39), max_size=6))
@settings(max_examples=60, deadline=None)
def test_what_is_contested_does_not_depend_on_the_order_of_merging(seed, cuts):
    random = np.random.default_rng(seed)
    times = random.integers(0, 15, 40) * 1_000
    axes = random.integers(0, 2, (40, 3)).astype(np.float64)
    whole = merge_readings(times, axes)
    merged = merge_readings(times[:0], axes[:0])
    for place in np.split(random.permutation(40), sorted(cuts)):
        merged = merge_readings(
            np.concatenate((merged.times, times[place])),
            np.concatenate((merged.axes, axes[place])),
            np.concatenate((merged.contested, np.zeros(len(place), np.bool_))),
        )
    for left, right in zip(whole[:3], merged[:3], strict=True):
        assert np.array_equal(left, right)
    differs = [bool((axes[times == time] != axes[times == time][0]).any()) for time in whole.times]
    assert whole.contested.tolist() == differs


def test_bounds_that_can_be_used_have_no_fault():
    assert BOUNDS.faults() is None
    assert SignalBounds(lowest_rate_hz=float("nan")).faults() is not None
    assert len(REASONS) == 6
