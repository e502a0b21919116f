"""A document's batches: within the limits, the same each time, and the same windows whatever the app's batch period."""

import numpy as np
import pytest

from har.assembly import SessionWindows
from har.binary_samples import decode_batch, encode_batch
from har.rejections import RejectedMessage
from har.samples import MAX_READINGS, MAX_SPAN_US
from har.windowing import WindowSpec, recording_windows
from ingest.sensor_logger.splitting import MAX_MESSAGE_ID, NUMBERS_PER_DOCUMENT, batches_of

SECOND = 1_000_000
START = 1_700_000_000 * SECOND
SPEC = WindowSpec()
#: What the app's cautious promises hold back at the end of a session: the grace, and the reach of a window.
HELD_BACK_US = 7 * SECOND


def walked(seconds, rate_hz):
    times = START + np.arange(seconds * rate_hz) * SECOND // rate_hz
    return times, np.random.default_rng(4).normal([0.5, 2, 9.5], 1.5, (len(times), 3)).astype(np.float32)


def pushed(times, axes, period_seconds):
    numbers = (times - times[0]) // round(period_seconds * SECOND)
    return [
        batches_of("d", "s", number, times[numbers == number], axes[numbers == number])
        for number in range(int(numbers[-1]) + 1)
    ]


def windows_of(batches):
    session, windows = SessionWindows(SPEC), {}
    for position, batch in enumerate(batches):
        result = session.add(decode_batch(encode_batch(batch)), position)
        assert result.rejected is None
        windows |= {window.start: window.values.tobytes() for window in result.windows}
    return windows


@pytest.mark.parametrize("period_seconds", [0.2, 1, 5, 20, 70])
def test_windows_are_the_same_whatever_the_period(period_seconds):
    times, axes = walked(75, 400)
    documents = pushed(times, axes, period_seconds)
    whole = recording_windows(times, axes, SPEC)
    expected = dict(zip(whole.starts.tolist(), (values.tobytes() for values in whole.values), strict=True))
    windows = windows_of([batch for document in documents for batch in document])
    assert windows.items() <= expected.items()
    assert expected.keys() - windows.keys() <= {start for start in expected if start > int(times[-1]) - HELD_BACK_US}


def test_documents_out_of_order_and_sent_again_give_the_same_windows():
    times, axes = walked(40, 400)
    documents = pushed(times, axes, 5)
    sent = [documents[number] for number in (0, 1, 1, 3, 2, 4, 3, 5, 6, 7, 7)]
    assert windows_of([batch for document in sent for batch in document]) == windows_of(
        [batch for document in documents for batch in document]
    )


def test_each_batch_keeps_the_limits_and_no_number_is_missing():
    times, axes = walked(150, 100)
    times = times + (np.arange(len(times)) // 5_000) * 90 * SECOND  # with two pauses
    batches = batches_of("d", "s", 2, times, axes)
    assert np.array_equal(np.concatenate([batch.times for batch in batches]), times)
    assert all(len(batch) <= MAX_READINGS and batch.newest - batch.times[0] <= MAX_SPAN_US for batch in batches)
    ends = [batch.last_sequence + 1 for batch in batches]
    assert [batch.sequence for batch in batches] == [2 * NUMBERS_PER_DOCUMENT, *ends[:-1]]
    assert ends[-1] == 3 * NUMBERS_PER_DOCUMENT


def test_a_document_that_needs_too_many_batches_is_rejected_with_a_remedy():
    times = START + np.arange(NUMBERS_PER_DOCUMENT + 1) * 61 * SECOND
    axes = np.full((len(times), 3), 5.66, np.float32)
    with pytest.raises(RejectedMessage, match="batch period") as rejected:
        batches_of("d", "s", 0, times, axes)
    assert rejected.value.code == "span"
    assert len(batches_of("d", "s", MAX_MESSAGE_ID, times[:-1], axes[:-1])) == NUMBERS_PER_DOCUMENT
