"""Windows of a recording that is read piece by piece are those of the whole recording."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from har.recording_cutter import RecordingCutter
from har.windowing import WindowSpec, recording_windows

SPEC = WindowSpec(steps=20, rate_hz=50, hop_us=200_000)


def made(seed: int, count: int, gaps: int, disorder_us: int):
    rng = np.random.default_rng(seed)
    steps = rng.integers(0, 40_000, count)  # also repeated times
    steps[rng.integers(0, count, gaps)] = 3_000_000
    times = np.cumsum(steps) + 1_790_000_000_000_000
    order = np.argsort(times + rng.integers(0, disorder_us + 1, count), kind="stable")
    return times[order], rng.normal(0, 5, (count, 3)).astype(np.float32)[order]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(2, 600),
    st.integers(0, 5),
    st.integers(0, 900_000),
    st.lists(st.integers(1, 599), max_size=6),
)
def test_pieces_give_the_windows_of_the_whole(seed, count, gaps, disorder_us, cuts):
    times, axes = made(seed, count, gaps, disorder_us)
    whole = recording_windows(times, axes, SPEC)
    cutter = RecordingCutter(SPEC, disorder_us=1_000_000)
    windows = []
    for piece_times, piece_axes in zip(
        np.split(times, sorted({min(cut, count) for cut in cuts})),
        np.split(axes, sorted({min(cut, count) for cut in cuts})),
        strict=True,
    ):
        windows += cutter.add(piece_times, piece_axes)
    windows += cutter.finish()
    assert cutter.late == 0
    assert [window.start for window in windows] == whole.starts.tolist()
    assert [window.values.tobytes() for window in windows] == [values.tobytes() for values in whole.values]
    assert [window.quality for window in windows] == whole.qualities
    assert (cutter.repeats, cutter.conflicts) == (whole.repeats, whole.conflicts)


def test_a_reading_that_comes_too_late_is_counted_and_left_out():
    times = np.arange(0, 10_000_000, 20_000)
    axes = np.zeros((len(times), 3), np.float32)
    cutter = RecordingCutter(SPEC, disorder_us=1_000_000)
    windows = cutter.add(times, axes)
    windows += cutter.add(np.array([10_000, 9_990_001]), np.ones((2, 3), np.float32))
    windows += cutter.finish()
    assert cutter.late == 1
    assert len(windows) == len(
        recording_windows(np.append(times, 9_990_001), np.zeros((len(times) + 1, 3)), SPEC).starts
    )


def test_memory_does_not_grow_with_the_recording():
    cutter = RecordingCutter(SPEC)
    for begin in range(0, 3_600_000_000, 100_000_000):
        times = np.arange(begin, begin + 100_000_000, 20_000)
        cutter.add(times, np.zeros((len(times), 3), np.float32))
    assert len(cutter._times) <= 3_001
    assert len(cutter._stretch) < 100
