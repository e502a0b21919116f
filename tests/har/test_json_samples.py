import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har.json_samples import decode_json_batch
from har.rejections import RejectedMessage
from har.samples import NOTHING_EARLIER

START = 1_700_000_000_000_000


def json_batch(**changes) -> bytes:
    fields = {"schema": 1, "device": "d", "session": "s", "sequence": 0, "t": [START, START + 20_000]}
    return msgspec.json.encode(fields | {axis: [0.0, 9.8] for axis in "xyz"} | changes)


def test_json_without_promises_gets_cautious_ones():
    batch = decode_json_batch(json_batch(sequence=1), grace_us=2_000_000)
    assert batch.newest_sent == 0
    assert batch.later_from == START + 20_000 - 2_000_000
    assert batch.earlier_until == START + 20_000 + 2_000_000
    assert batch.axes.tolist() == np.float32([[0, 0, 0], [9.8, 9.8, 9.8]]).tolist()


def test_a_json_sessions_first_batch_has_nothing_earlier():
    assert decode_json_batch(json_batch(), grace_us=2_000_000).earlier_until == NOTHING_EARLIER


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"x": [1.0]}, "count"),
        ({"t": []}, "empty"),
        ({"t": [], "x": [], "y": [], "z": []}, "empty"),
        ({"t": [START, 2**63]}, "time"),
        ({"x": [1e300, 0.0]}, "not_finite"),
        ({"x": ["1", 2]}, "malformed"),
        ({"schema": 9}, "schema"),
        ({"surprise": 1}, "malformed"),
        ({"units": "g"}, "units"),
    ],
)
def test_bad_json_is_rejected(changes, code):
    with pytest.raises(RejectedMessage) as caught:
        decode_json_batch(json_batch(**changes), grace_us=2_000_000)
    assert caught.value.code == code


@given(st.binary(max_size=500))
def test_arbitrary_text_is_rejected(message):
    with pytest.raises(RejectedMessage):
        decode_json_batch(message, grace_us=1)


@pytest.mark.parametrize("message", [b"[" * 60_000, b'{"surprise":' + b"[" * 60_000])
def test_a_deeply_nested_message_is_rejected(message):
    with pytest.raises(RejectedMessage):
        decode_json_batch(message, grace_us=1)
