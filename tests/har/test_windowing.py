import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har.merging import merge_readings
from har.resampling import low_pass_taps, reach_us
from har.windowing import Stretch, WindowSpec, recording_windows

SPEC = WindowSpec()
SECOND = 1_000_000


def phone_times(rate_hz: float, seconds: float, seed: int = 0, jitter: float = 0.05) -> np.ndarray:
    """Strictly increasing event times with jitter, a share of the period."""
    random = np.random.default_rng(seed)
    count = int(seconds * rate_hz)
    return ((np.arange(count) + random.uniform(-jitter, jitter, count)) * SECOND / rate_hz).astype(
        np.int64
    ) + 7 * SECOND


def gait(times: np.ndarray) -> np.ndarray:
    """A signal with the harmonics of walking, up to 10 Hz, m/s²."""
    t = times / SECOND
    up = 9.8 + 2 * np.sin(2 * np.pi * 2 * t) + np.sin(2 * np.pi * 6 * t + 1) + 0.4 * np.sin(2 * np.pi * 10 * t)
    return np.stack([up, np.cos(2 * np.pi * t), 0.5 * np.sin(2 * np.pi * 4 * t)], axis=1).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [50, 60, 100, 150, 200])
def test_phones_of_every_rate_give_the_same_signal(rate_hz):
    exact_times = phone_times(1_000, 20, jitter=0)
    exact = recording_windows(exact_times, gait(exact_times))
    times = phone_times(rate_hz, 20)
    got = recording_windows(times, gait(times))
    shared = np.intersect1d(exact.starts, got.starts)
    assert len(shared) >= 14
    difference = got.values[np.isin(got.starts, shared)] - exact.values[np.isin(exact.starts, shared)]
    spread = exact.values.std(axis=(0, 1))
    # The documented error: 1 % of the signal's spread (root mean square) for harmonics up to 10 Hz.
    assert (np.sqrt((difference**2).mean(axis=(0, 1))) < 0.01 * spread).all()


def test_frequencies_above_nyquist_do_not_alias_into_the_window():
    times = phone_times(200, 12, jitter=0)
    hum = np.sin(2 * np.pi * 47 * times / SECOND)  # would alias to 3 Hz
    windows = recording_windows(times, np.repeat(hum[:, None], 3, axis=1).astype(np.float32))
    assert np.abs(windows.values).max() < 0.01


def test_the_filter_passes_gravity_unchanged():
    assert low_pass_taps().sum() == pytest.approx(1, abs=1e-12)
    times = phone_times(73, 12, jitter=0.3)
    still = recording_windows(times, np.tile(np.float32([1, -2, 9.81]), (len(times), 1)))
    assert np.abs(still.values - np.float32([1, -2, 9.81])).max() < 1e-6


def test_windows_start_on_multiples_of_the_hop_and_are_200_steps():
    times = phone_times(100, 15) + 123_457
    windows = recording_windows(times, gait(times))
    assert (windows.starts % SPEC.hop_us == 0).all()
    assert windows.values.shape[1:] == (200, 3)
    assert windows.values.dtype == np.float32


@given(
    rate=st.sampled_from([50, 60, 100, 200]),
    cuts=st.lists(st.integers(0, 1_000), max_size=30),
    seed=st.integers(0, 9),
)
@settings(max_examples=40, deadline=None)
def test_any_split_into_pieces_gives_the_same_bits(rate, cuts, seed):
    times = phone_times(rate, 12, seed, jitter=0.3)
    axes = np.random.default_rng(seed).normal(0, 5, (len(times), 3))
    whole = recording_windows(times, axes, SPEC)
    stretch, pieces = Stretch(SPEC), sorted({0, len(times), *(cut % len(times) for cut in cuts)})
    got = [w for a, b in itertools.pairwise(pieces) for w in stretch.extend(merge_readings(times[a:b], axes[a:b]))]
    assert [w.start for w in got] == whole.starts.tolist()
    assert all(w.values.tobytes() == v.tobytes() for w, v in zip(got, whole.values, strict=True))
    assert [w.quality for w in got] == whole.qualities


@given(begin=st.integers(0, 400))
@settings(max_examples=30, deadline=None)
def test_a_window_does_not_depend_on_where_reading_began(begin):
    times = phone_times(100, 14)
    axes = gait(times)
    whole = recording_windows(times, axes)
    later = recording_windows(times[begin:], axes[begin:])
    assert set(later.starts.tolist()) <= set(whole.starts.tolist())
    expected = {window.start: window for window in whole}
    for window in later:
        assert window.values.tobytes() == expected[window.start].values.tobytes()
        assert window.quality == expected[window.start].quality


@given(gap=st.integers(SPEC.gap_us + 1, 20 * SECOND), cut=st.integers(300, 1_200))
@settings(max_examples=30, deadline=None)
def test_no_window_crosses_a_gap(gap, cut):
    times = phone_times(100, 15, jitter=0)
    times[cut:] += gap
    windows = recording_windows(times, gait(times))
    for start in windows.starts.tolist():
        end = start + SPEC.length_us
        assert end <= times[cut - 1] or start >= times[cut]


def test_a_pause_of_up_to_a_second_is_bridged_by_a_straight_line():
    times = np.append(np.arange(0, 5 * SECOND, 10_000), np.arange(5 * SECOND + 900_000, 10 * SECOND, 10_000))
    axes = np.zeros((len(times), 3), np.float32)
    axes[times > 5 * SECOND, 2] = 10
    windows = recording_windows(times, axes)
    across = windows.values[windows.starts == 3 * SECOND][0][:, 2]
    assert across.max() < 10.5 and across.min() > -0.5
    middle = across[100:145]
    assert (np.diff(middle) > -0.5).all()


def test_nothing_is_extrapolated():
    short = phone_times(50, 4.1, jitter=0)
    assert len(recording_windows(short, gait(short)).starts) == 0
    assert len(recording_windows(np.empty(0, np.int64), np.empty((0, 3))).starts) == 0
    assert len(recording_windows(np.array([5]), np.zeros((1, 3))).starts) == 0


def test_the_first_window_needs_a_reading_before_its_first_interpolated_interval():
    period = 20_000
    reach = reach_us(SPEC.period_us)
    begin = 7 * SECOND - reach  # the first point that the filter of the window at 7 s reads
    for times, first_start in (
        (np.arange(begin, 14 * SECOND, period), 8 * SECOND),
        (np.arange(begin - period + 1, 14 * SECOND, period), 8 * SECOND),
        (np.arange(begin - period, 14 * SECOND, period), 7 * SECOND),
    ):
        assert recording_windows(times, gait(times)).starts[0] == first_start


@given(seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_order_and_repeats_of_readings_change_nothing(seed):
    random = np.random.default_rng(seed)
    times = phone_times(60, 10)
    axes = gait(times)
    whole = recording_windows(times, axes)
    rows = random.permutation(np.append(np.arange(len(times)), random.integers(0, len(times), 50)))
    shuffled = recording_windows(times[rows], axes[rows])
    assert shuffled.starts.tolist() == whole.starts.tolist()
    assert shuffled.values.tobytes() == whole.values.tobytes()
    assert (shuffled.repeats, shuffled.conflicts) == (50, 0)


def test_conflicting_repeats_are_resolved_in_any_order():
    times = np.array([1, 2, 2, 2, 3])
    axes = np.array([[0, 0, 0], [5, 1, 0], [4, 9, 9], [5, 0, 0], [0, 0, 0]], float)
    for order in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 3, 4, 1]):
        merged = merge_readings(times[order], axes[order])
        assert merged.times.tolist() == [1, 2, 3]
        assert merged.axes[1].tolist() == [4, 9, 9]
        assert (merged.repeats, merged.conflicts) == (2, 2)
        assert merged.contested.tolist() == [False, True, False]


@pytest.mark.parametrize("changes", [{"rate_hz": 30}, {"hop_us": 15_000}, {"steps": 0}, {"gap_us": -1}])
def test_impossible_specs_are_rejected(changes):
    with pytest.raises(ValueError, match=r"period|multiple|positive"):
        WindowSpec(**changes)


def test_other_specs_work():
    spec = WindowSpec(steps=100, rate_hz=25, hop_us=6 * SECOND)
    times = phone_times(100, 30)
    windows = recording_windows(times, gait(times), spec)
    assert np.diff(windows.starts).tolist() == [6 * SECOND] * (len(windows.starts) - 1)
    assert len(windows.starts) >= 3
