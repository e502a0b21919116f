"""The page cuts the same windows as the stream and the trainer, bit for bit."""

import base64
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from har.merging import merge_readings
from har.resampling import low_pass_taps
from har.time_units import MICROSECONDS
from har.windowing import RecordingWindows, WindowSpec, recording_windows
from recording_files.loading import load_recordings
from tests.ingest.phone_page.page_modules import Modules, RejectedByPage

BEGIN = 1_764_000_000_123_457
SPECS = [
    WindowSpec(),
    WindowSpec(steps=100, rate_hz=25, hop_us=520_000, gap_us=300_000),
    WindowSpec(steps=30, rate_hz=50, hop_us=1_500_000),  # windows with time between them
    WindowSpec(steps=64, rate_hz=125, hop_us=512_000, gap_us=2_000_000),
]
CUT = """
const [times, axes, pieces, spec] = args;
const { WindowCutter, windowSpec } = await import('/phone/windowing/windows.js');
const cutter = new WindowCutter(windowSpec(spec));
const windows = pieces.flatMap(([begin, end]) =>
  cutter.extend(times.slice(begin, end), ...axes.map((axis) => Float32Array.from(axis.slice(begin, end)))));
windows.push(...cutter.finish());
return {
  starts: windows.map((window) => window.start),
  values: windows.map(({ values }) =>
    new Uint8Array(values.buffer).reduce((text, byte) => text + String.fromCharCode(byte), '')).map(btoa),
  qualities: windows.map(({ quality }) => Object.values(quality)),
  repeats: cutter.repeats,
};
"""


def cut_by(modules: Modules, times: np.ndarray, axes: np.ndarray, spec: WindowSpec, cuts: list[int]) -> dict[str, Any]:
    """Cut a recording that arrives in pieces."""
    pieces = list(pairwise(sorted({0, len(times), *(cut % (len(times) + 1) for cut in cuts)})))
    manifest = {"steps": spec.steps, "rate_hz": spec.rate_hz, "hop_us": spec.hop_us, "gap_us": spec.gap_us}
    return dict(modules.run(CUT, times.tolist(), axes.T.tolist(), pieces, manifest))


def assert_same(modules: Modules, times: np.ndarray, axes: np.ndarray, spec: WindowSpec, cuts: list[int]) -> int:
    """Assert that the page and Python cut the same windows from a recording; return their number."""
    expected: RecordingWindows = recording_windows(times, axes, spec)
    got = cut_by(modules, times, axes, spec, cuts)
    assert got["starts"] == expected.starts.tolist()
    assert [base64.b64decode(values) for values in got["values"]] == [each.tobytes() for each in expected.values]
    assert got["qualities"] == [list(quality) for quality in expected.qualities]
    assert got["repeats"] == expected.repeats
    return len(expected.starts)


def recording(rate: float, seed: int, jitter: float, gaps: int, repeats: float) -> tuple[np.ndarray, np.ndarray]:
    """Return 12 s of readings with pauses and with repeats of equal or different values."""
    random = np.random.default_rng(seed)
    count = int(12 * rate)
    times = ((np.arange(count) + random.uniform(-jitter, jitter, count)) * MICROSECONDS / rate).astype(np.int64) + BEGIN
    for at in random.integers(1, count, gaps):
        pause = random.choice([100_000, 100_001, 300_000, 300_001, 1_000_000, 1_000_001, 2_000_000, 5_000_000])
        times[at:] += max(0, int(pause - (times[at] - times[at - 1])))
    axes = random.normal(0, 6, (count, 3)).astype(np.float32)
    axes[random.random(count) < 0.1] = random.choice([0.0, -0.0, 9.81])
    again = np.flatnonzero(random.random(count) < repeats)
    other = axes[again] + random.choice([0.0, 0.5, -0.5], (len(again), 1)).astype(np.float32)
    times, axes = np.append(times, times[again]), np.concatenate((axes, other))
    order = np.lexsort((random.random(len(times)), times))
    return times[order], axes[order]


def test_windows_of_any_recording_in_any_pieces_are_equal_bit_for_bit(modules):
    counted = []

    @given(
        rate=st.sampled_from([25, 50, 59.7, 60, 73, 100, 150, 200]),
        seed=st.integers(0, 2**32 - 1),
        jitter=st.sampled_from([0, 0.05, 0.3, 0.49]),
        gaps=st.integers(0, 3),
        repeats=st.sampled_from([0.0, 0.02, 0.5]),
        spec=st.sampled_from(SPECS),
        cuts=st.lists(st.integers(0, 5_000), max_size=40),
    )
    @settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def compare(rate, seed, jitter, gaps, repeats, spec, cuts):
        counted.append(assert_same(modules, *recording(rate, seed, jitter, gaps, repeats), spec, cuts))

    compare()
    assert sum(counted) > 200


def test_single_readings_give_the_same_windows(modules):
    times, axes = recording(60, 1, 0.3, 1, 0.1)
    assert assert_same(modules, times, axes, WindowSpec(), list(range(len(times)))) >= 3


@pytest.mark.parametrize(
    "file", ["hapt_24_users.parquet", "pocket_6_users.parquet", "hhar_excerpt/Phones_accelerometer_first10000.csv"]
)
def test_windows_of_real_recordings_are_equal_bit_for_bit(modules, shared_data, file):
    found = 0
    for recorded in load_recordings([shared_data / file])[:3]:
        order = np.argsort(recorded.times, kind="stable")[:10_000]
        times, axes = recorded.times[order], recorded.axes[order].astype(np.float32)
        found += assert_same(modules, times, axes, WindowSpec(), list(range(0, len(times), 37)))
    assert found > 20


def test_the_filters_taps_equal_pythons(modules):
    taps = modules.run("return (await import('/phone/windowing/resampling.js')).lowPassTaps()")
    assert taps == low_pass_taps().tolist()


IMPOSSIBLE = [
    ([BEGIN + 20_000, BEGIN - 1], [0, 0], f"{BEGIN - 1} µs is before"),
    ([BEGIN + 20_000, BEGIN + 40_000.5], [0, 0], "is not a time in integer µs"),
    ([BEGIN + 20_000, BEGIN + 40_000], [0, "NaN"], "contains NaN"),
    ([BEGIN + 20_000, BEGIN + 40_000], [0], "x, y and z must have 2 values"),
]


def test_invalid_readings_are_rejected_together(modules):
    good_times, axes = recording(50, 2, 0.0, 0, 0.0)
    expected = recording_windows(good_times, axes)
    body = """
    const [times, axes, badTimes, badX] = args;
    const { WindowCutter } = await import('/phone/windowing/windows.js');
    const cutter = new WindowCutter({ steps: 200, rateHz: 50, hopUs: 1000000, gapUs: 1000000 });
    cutter.extend([times[0]], ...axes.map((axis) => [axis[0]]));
    let text = '';
    try { cutter.extend(badTimes, badX.map(Number), badTimes.map(() => 0), badTimes.map(() => 0)); }
    catch (error) { text = String(error); }
    const windows = cutter.extend(times.slice(1), ...axes.map((axis) => axis.slice(1))).concat(cutter.finish());
    return [text, windows.map((window) => window.start), windows.map(({ values }) => Array.from(values))];
    """
    for times, x, error in IMPOSSIBLE:
        text, starts, values = modules.run(body, good_times.tolist(), axes.T.tolist(), times, x)
        assert text.startswith("RangeError") and error in text
        assert starts == expected.starts.tolist()
        assert np.array_equal(np.array(values, np.float32).reshape(expected.values.shape), expected.values)


def test_of_readings_with_one_time_the_smallest_is_kept_in_any_order(modules):
    times, axes = recording(50, 3, 0.0, 0, 1.0)
    assert merge_readings(times, axes.astype(np.float64)).conflicts > 100
    ends = np.flatnonzero(np.diff(times)) + 1
    backwards = np.concatenate([part[::-1] for part in np.split(np.arange(len(times)), ends)])
    assert assert_same(modules, times, axes, WindowSpec(), []) == assert_same(
        modules, times[backwards], axes[backwards], WindowSpec(), []
    )


def test_a_manifest_with_impossible_windows_is_rejected(modules):
    possible = {"steps": 200, "rate_hz": 50, "hop_us": 1_000_000, "gap_us": 1_000_000}
    windows = "return (await import('/phone/windowing/windows.js')).windowSpec(args[0])"
    assert modules.run(windows, possible) == {"steps": 200, "rateHz": 50, "hopUs": 1_000_000, "gapUs": 1_000_000}
    for change in ({"rate_hz": 33}, {"hop_us": 1_000_001}, {"steps": 0}, {"gap_us": 0}):
        with pytest.raises(ValueError, match=r"must be|multiple|no whole number"):
            WindowSpec(**(possible | change))
        with pytest.raises(RejectedByPage, match="RangeError"):
            modules.run(windows, possible | change)
