"""The page encodes batches as Python does, and rejects the batches that the gateway would reject."""

import base64
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from har.binary_samples import decode_batch, encode_batch
from har.rejections import RejectedMessage
from har.samples import MAX_READINGS, SampleBatch, in_order_batch
from tests.ingest.phone_page.page_modules import Modules, RejectedByPage

START = 1_764_000_000_000_000
ENCODE = """
const { encodeBatch } = await import('/phone/sending/sample-batch.js');
const axes = args[1].map((axis) => axis.map(Number));
const bytes = encodeBatch({ ...args[0], x: axes[0], y: axes[1], z: axes[2] });
return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
"""


def batch_of(count: int = 50, **changes: Any) -> SampleBatch:
    times = START + np.arange(count) * 16_667
    axes = np.tile(np.float32([0.1, -0.2, 9.8]), (count, 1))
    made = in_order_batch("phone-1", "s1", 7, times, axes, earlier_until=START - 16_667) if count else None
    return replace(made or SampleBatch("phone-1", "s1", 7, times, axes, 0, 0, 0), **changes)


def encoded_by(modules: Modules, batch: SampleBatch) -> bytes:
    header = {
        "device": batch.device,
        "session": batch.session,
        "sequence": batch.sequence,
        "newestSent": batch.newest_sent,
        "earlierUntil": batch.earlier_until,
        "laterFrom": batch.later_from,
        "times": batch.times.tolist(),
    }
    axes = [[str(value) for value in axis] for axis in batch.axes.T.tolist()]
    return base64.b64decode(modules.run(ENCODE, header, axes))


def test_any_batch_is_encoded_as_by_python(modules):
    @given(
        axes=arrays(np.float32, st.tuples(st.integers(1, 300), st.just(3)), elements=st.floats(-100, 100, width=32)),
        steps=st.data(),
        sequence=st.one_of(st.integers(0, 300), st.integers(0, 2**53 - 1)),
        device=st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z"),
        earlier=st.sampled_from([0, 1, 2**31, 2**32, START]),
    )
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def compare(axes, steps, sequence, device, earlier):
        gaps = steps.draw(arrays(np.int64, len(axes), elements=st.integers(1, 200_000)))
        batch = in_order_batch(device, "s", sequence, START + gaps.cumsum(), axes, earlier_until=earlier)
        message = encoded_by(modules, batch)
        assert message == encode_batch(batch)
        decoded = decode_batch(message)
        assert (decoded.sequence, decoded.earlier_until) == (sequence, earlier)
        assert decoded.times.tobytes() == batch.times.tobytes()
        assert decoded.axes.tobytes() == batch.axes.tobytes()

    compare()


def changed_axes(value: float) -> np.ndarray:
    axes = batch_of().axes.copy()
    axes[17, 1] = value
    return axes


REJECTED = [
    {"device": "no spaces"},
    {"session": ""},
    {"sequence": -1},
    {"times": batch_of().times // 1_000},
    {"times": batch_of().times * 3},
    {"times": START + np.arange(50) * 1_300_000},
    {"newest_sent": 2**52},
    {"earlier_until": START + 70_000_000},
    {"later_from": START + 50 * 16_667},
    {"later_from": START - 60_000_001},
    {"axes": changed_axes(float("nan"))},
    {"axes": changed_axes(float("-inf"))},
    {"axes": changed_axes(201)},
    {"count": 0},
    {"count": MAX_READINGS + 1},
]


def test_the_page_rejects_with_the_gateways_code(modules):
    codes = set()
    for case in REJECTED:
        changes = dict(case)
        batch = batch_of(changes.pop("count", 50), **changes)
        with pytest.raises(RejectedMessage) as rejected:
            decode_batch(encode_batch(batch))
        with pytest.raises(RejectedByPage) as here:
            encoded_by(modules, batch)
        assert here.value.reason == rejected.value.code, case
        codes.add(rejected.value.code)
    assert len(codes) == 10


def test_the_largest_batch_fits_into_one_message(modules):
    batch = batch_of(MAX_READINGS)
    assert encoded_by(modules, batch) == encode_batch(batch)
