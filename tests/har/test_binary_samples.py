from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from har.binary_samples import decode_batch, encode_batch
from har.rejections import RejectedMessage
from har.samples import MAX_MESSAGE_BYTES, SampleBatch, in_order_batch

START = 1_700_000_000_000_000


def batch_of(count: int = 50, *, sequence: int = 0, start: int = START) -> SampleBatch:
    times = start + np.arange(count) * 20_000
    axes = np.tile(np.float32([0.1, -0.2, 9.8]), (count, 1))
    return in_order_batch("phone-1", "s1", sequence, times, axes, earlier_until=0)


def rejection(message: bytes) -> RejectedMessage:
    with pytest.raises(RejectedMessage) as caught:
        decode_batch(message)
    return caught.value


@given(
    axes=arrays(np.float32, st.tuples(st.integers(1, 200), st.just(3)), elements=st.floats(-100, 100, width=32)),
    steps=st.data(),
    sequence=st.integers(0, 2**53 - 1),
)
def test_a_batch_survives_the_wire_bit_for_bit(axes, steps, sequence):
    gaps = steps.draw(arrays(np.int64, len(axes), elements=st.integers(1, 300_000)))
    sent = in_order_batch("d.1_x-Y", "s", sequence, START + gaps.cumsum(), axes, earlier_until=START)
    got = decode_batch(encode_batch(sent))
    assert (got.device, got.session, got.sequence) == (sent.device, sent.session, sent.sequence)
    assert (got.newest_sent, got.earlier_until) == (sent.newest_sent, sent.earlier_until)
    assert got.later_from == sent.later_from
    assert got.times.tobytes() == sent.times.tobytes()
    assert got.axes.tobytes() == sent.axes.tobytes()


@given(st.binary(max_size=3_000))
def test_arbitrary_bytes_are_rejected_with_a_reason(message):
    assert rejection(message).detail


@given(st.data())
def test_a_damaged_batch_is_rejected_or_still_valid(data):
    message = bytearray(encode_batch(batch_of()))
    for _ in range(data.draw(st.integers(1, 4))):
        message[data.draw(st.integers(0, len(message) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        got = decode_batch(bytes(message))
    except RejectedMessage as rejected:
        assert rejected.code and rejected.detail
    else:
        assert np.isfinite(got.axes).all()


@given(st.integers(0, 1040))
def test_a_truncated_batch_is_rejected(length):
    assert rejection(encode_batch(batch_of())[:length]).code in {"empty", "malformed"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"device": "a b"}, "device"),
        ({"device": ""}, "device"),
        ({"device": "../../etc"}, "device"),
        ({"device": "ünïcode"}, "device"),
        ({"device": "x" * 65}, "device"),
        ({"session": "no\nnewline"}, "session"),
        ({"sequence": -1}, "sequence"),
        ({"times": np.array([5], np.int64), "axes": np.zeros((1, 3), np.float32)}, "time"),
        (
            {"times": np.array([2**62], np.int64), "axes": np.zeros((1, 3), np.float32), "newest_sent": 0},
            "time",
        ),
        ({"numbers": 0}, "sequence"),
        ({"numbers": 65}, "sequence"),
        ({"sequence": 2**53 - 63, "numbers": 64}, "sequence"),
        ({"newest_sent": 2**60}, "promise"),
        ({"later_from": START + 10**9}, "promise"),
        ({"later_from": 0}, "promise"),
        ({"earlier_until": START + 10**9}, "promise"),
    ],
)
def test_impossible_headers_are_rejected(change, code):
    assert rejection(encode_batch(replace(batch_of(), **change))).code == code


def test_a_signalling_nan_is_rejected_without_a_warning():
    batch = batch_of()
    batch.axes.view(np.uint32)[17, 1] = 0x7F800001
    assert rejection(encode_batch(batch)).code == "not_finite"


def test_an_empty_batch_is_rejected():
    empty = SampleBatch("d", "s", 0, np.empty(0, np.int64), np.empty((0, 3), np.float32), 0, 0, START)
    assert rejection(encode_batch(empty)).code == "empty"


def test_an_oversized_message_is_rejected_before_it_is_parsed():
    assert rejection(b"\x9f" * (MAX_MESSAGE_BYTES + 1)).code == "oversized"
    assert rejection(encode_batch(batch_of(2_001))).code == "oversized"


def test_another_schema_version_is_named():
    fields = msgspec.msgpack.decode(encode_batch(batch_of()))
    rejected = rejection(msgspec.msgpack.encode([2, *fields[1:]]))
    assert rejected.code == "schema"
    assert "version 2" in rejected.detail
    assert rejection(msgspec.msgpack.encode([2, "quite", "different"])).code == "schema"


def test_an_axis_of_another_length_is_rejected():
    fields = msgspec.msgpack.decode(encode_batch(batch_of()))
    fields[10] = fields[10][:-4]
    assert rejection(msgspec.msgpack.encode(fields)).code == "count"


def test_other_units_are_rejected():
    fields = msgspec.msgpack.decode(encode_batch(batch_of()))
    fields[7] = "g"
    assert rejection(msgspec.msgpack.encode(fields)).code == "units"


def test_a_deeply_nested_message_is_rejected():
    fields = msgspec.msgpack.decode(encode_batch(batch_of()))
    nested = bytearray(msgspec.msgpack.encode(fields))
    nested[0] = 0x90 | 14
    assert rejection(bytes(nested) + b"\x91" * 60_000).code == "malformed"
    assert rejection(b"\x91" * 60_000).code == "malformed"
