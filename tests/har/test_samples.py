import numpy as np
import pytest

from har.rejections import RejectedMessage
from har.samples import checked_batch, in_order_batch

START = 1_700_000_000_000_000


@pytest.mark.parametrize(
    ("value", "code"),
    [(np.nan, "not_finite"), (np.inf, "not_finite"), (200.5, "magnitude"), (3e38, "magnitude")],
)
def test_impossible_readings_are_rejected_and_named(value, code):
    axes = np.tile(np.float32([0.1, -0.2, 9.8]), (50, 1))
    axes[17, 1] = value
    batch = in_order_batch("d", "s", 0, START + np.arange(50) * 20_000, axes, earlier_until=0)
    with pytest.raises(RejectedMessage, match="reading 17") as caught:
        checked_batch(batch)
    assert caught.value.code == code


@pytest.mark.parametrize(("span_us", "is_accepted"), [(60_000_000, True), (60_000_001, False)])
def test_a_batch_spans_a_minute_at_most(span_us, is_accepted):
    times = np.array([START, START + 1, START + span_us])
    batch = in_order_batch("d", "s", 0, times, np.zeros((3, 3), np.float32), earlier_until=0)
    if is_accepted:
        assert checked_batch(batch) is batch
    else:
        with pytest.raises(RejectedMessage, match="60 s") as caught:
            checked_batch(batch)
        assert caught.value.code == "span"
