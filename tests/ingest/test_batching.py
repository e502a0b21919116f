import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from har.samples import checked_batch
from ingest.batching import SessionName, batches_of_recording

START = 1_700_000_000_000_000


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=120), st.integers(1, 40))
def test_batches_keep_their_promises_whatever_the_order_of_readings(offsets, size):
    times = START + np.array(offsets, np.int64)
    axes = np.zeros((len(times), 3), np.float32)
    batches = list(batches_of_recording(SessionName("d", "s"), times, axes, size))
    assert np.concatenate([batch.times for batch in batches]).tolist() == times.tolist()
    assert [batch.sequence for batch in batches] == list(range(len(batches)))
    for number, batch in enumerate(batches):
        checked_batch(batch)
        assert all(earlier.times.max() <= batch.earlier_until for earlier in batches[:number])
        assert all(later.times.min() >= batch.later_from for later in batches[number + 1 :])
