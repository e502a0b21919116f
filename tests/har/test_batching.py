import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from har.batching import LiveBatches, SessionName, batches_of_recording
from har.samples import checked_batch

START = 1_700_000_000_000_000


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=120), st.integers(1, 40))
def test_batches_keep_their_promises_for_any_order_of_readings(offsets, size):
    times = START + np.array(offsets, np.int64)
    axes = np.zeros((len(times), 3), np.float32)
    batches = list(batches_of_recording(SessionName("d", "s"), times, axes, size))
    assert np.concatenate([batch.times for batch in batches]).tolist() == times.tolist()
    assert [batch.sequence for batch in batches] == list(range(len(batches)))
    for number, batch in enumerate(batches):
        checked_batch(batch)
        assert all(earlier.times.max() <= batch.earlier_until for earlier in batches[:number])
        assert all(later.times.min() >= batch.later_from for later in batches[number + 1 :])


def test_the_promises_of_a_long_recording_are_exact_and_move_with_its_times():
    random = np.random.default_rng(3)
    times = np.arange(30_000) * 20_000 + random.integers(-300_000, 300_000, 30_000)
    axes = np.zeros((len(times), 3), np.float32)
    begin = 0
    for batch in batches_of_recording(SessionName("d", "s"), times, axes, 50, shift_us=START):
        end = begin + len(batch)
        later = int(times[end:].min()) if end < len(times) else batch.newest + 1
        assert batch.times.tolist() == (times[begin:end] + START).tolist()
        assert batch.later_from == min(later + START, batch.newest + 1)
        assert batch.earlier_until == (int(times[:begin].max()) + START if begin else 0)
        begin = end
    assert begin == len(times)


@given(
    st.lists(st.sampled_from([20_000, 900_000, 40_000_000, 90_000_000]), min_size=1, max_size=60), st.integers(1, 20)
)
def test_a_pause_ends_a_batch_before_its_span_exceeds_the_limit(steps, size):
    times = START + np.cumsum(np.array(steps, np.int64))
    axes = np.zeros((len(times), 3), np.float32)
    live = LiveBatches(SessionName("d", "s"), size)
    live.add(times, axes)
    cut = []
    while live.has_any:
        was_full = live.has_full
        cut.append(live.cut())
        assert was_full or not live.has_any
    for batches in (cut, list(batches_of_recording(SessionName("d", "s"), times, axes, size))):
        assert np.concatenate([batch.times for batch in batches]).tolist() == times.tolist()
        for batch, after in zip(batches, [*batches[1:], None], strict=True):
            checked_batch(batch)
            assert len(batch) <= size
            assert after is None or len(batch) == size or after.times[0] - batch.times[0] > 60_000_000
