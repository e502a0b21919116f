import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from har.grid import grid_window_offsets, grid_window_qualities, recording_grid
from har.windowing import WindowSpec, recording_windows


@given(
    rate=st.sampled_from([21.0, 50.0, 99.7, 198.0]),
    seconds=st.integers(1, 40),
    gap_at=st.integers(0, 40),
    steps=st.sampled_from([40, 200, 223]),
    hop_us=st.sampled_from([400_000, 500_000, 1_000_000]),
    origin=st.integers(0, 3_000_000),
    seed=st.integers(0, 99),
)
def test_slices_of_the_grid_are_the_windows_bit_for_bit(rate, seconds, gap_at, steps, hop_us, origin, seed):
    rng = np.random.default_rng(seed)
    times = (np.arange(int(rate * seconds)) / rate * 1e6 + rng.uniform(0, 4_000, int(rate * seconds))).astype(np.int64)
    times += origin + np.where(times > gap_at * 1_000_000, 5_000_000, 0)
    axes = rng.normal(0, 3, (len(times), 3)).astype(np.float32)
    order = rng.permutation(len(times))
    spec = WindowSpec(steps=steps, hop_us=hop_us)
    windows = recording_windows(times[order], axes[order], spec)
    starts, values, qualities = [], [], []
    for stretch in recording_grid(times[order], axes[order], spec):
        offsets = grid_window_offsets(stretch, spec)
        qualities += grid_window_qualities(stretch, offsets, spec)
        for offset in offsets.tolist():
            starts.append(stretch.first + offset * spec.period_us)
            values.append(stretch.values[offset : offset + steps])
    assert starts == windows.starts.tolist()
    assert all(found.tobytes() == expected.tobytes() for found, expected in zip(values, windows.values, strict=True))
    assert qualities == windows.qualities
