"""Hostile documents are rejected or give valid readings; they raise no other error."""

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from har.rejections import RejectedMessage
from har.samples import MAX_ACCELERATION, MAX_TIME_US, MIN_TIME_US
from ingest.sensor_logger.document import decode_push
from ingest.sensor_logger.streams import SessionReader
from tests.ingest.sensor_logger.made_documents import GRAVITY, SHAKEN, START_NS, TOTAL, document, entries

FRAMES = ("android", "ios", "standardised", "unknown")
NAMES = ("accelerometer", "Gravity", "totalAcceleration", "AccelerometerUncalibrated", "annotation", "location", "")

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
times = st.integers(0, 10**9).map(lambda later: START_NS + later) | st.sampled_from([0, 2**63, START_NS // 10**6])
numbers = st.floats(-30, 30) | st.integers(-3, 3) | st.sampled_from([1e-320, 199.9, 200.1, 1e308])
axes = st.fixed_dictionaries({"x": numbers, "y": numbers, "z": numbers, "text": st.text(max_size=8)})
#: Some entries have values of unexpected types.
entry = st.fixed_dictionaries(
    {"name": st.sampled_from(NAMES), "time": times, "values": axes}
) | st.fixed_dictionaries(
    {"name": st.sampled_from(NAMES) | anything, "time": times | anything, "values": axes | anything}
)  # fmt: skip
plain_entry = st.fixed_dictionaries(
    {
        "name": st.sampled_from(NAMES),
        "time": st.integers(0, 10**6).map(lambda later: START_NS + later * 1_000),
        "values": st.fixed_dictionaries(
            {axis: st.floats(-90, 90) | st.sampled_from([0.0, -0.0, 1e-300]) for axis in "xyz"}
        ),
    }
)


def read_or_reject(bodies: list[bytes], frame: str) -> int:
    """Read documents as one session; return how many were rejected."""
    reader, count = SessionReader(frame), 0
    for body in bodies:
        try:
            got = reader.read(decode_push(body))
        except RejectedMessage as rejected:
            assert rejected.code and rejected.detail
            count += 1
            continue
        assert got.times.dtype == np.int64 and got.axes.dtype == np.float32
        assert got.axes.shape == (len(got.times), 3)
        assert (np.diff(got.times) > 0).all()
        assert ((got.times >= MIN_TIME_US) & (got.times <= MAX_TIME_US)).all()
        assert (np.square(got.axes, dtype=np.float64).sum(axis=1) <= MAX_ACCELERATION**2 * 1.000001).all()
    return count


@given(st.binary(max_size=400), st.sampled_from(FRAMES))
def test_arbitrary_bytes_are_rejected(body, frame):
    if not body.strip().startswith(b"{"):
        assert read_or_reject([body], frame) == 1


@given(anything, st.sampled_from(FRAMES))
def test_arbitrary_json_is_rejected_or_read(value, frame):
    read_or_reject([json.dumps(value).encode(), json.dumps({"payload": value}).encode()], frame)


@given(st.lists(st.lists(entry, max_size=12), max_size=3), st.sampled_from(FRAMES))
def test_documents_of_arbitrary_entries_are_rejected_or_read(payloads, frame):
    read_or_reject([document(payload) for payload in payloads], frame)


@given(st.lists(st.lists(plain_entry, max_size=30), max_size=3), st.sampled_from(FRAMES))
def test_well_formed_documents_of_arbitrary_readings_are_rejected_or_read(payloads, frame):
    read_or_reject([document(payload) for payload in payloads], frame)


@given(st.data(), st.sampled_from(FRAMES))
def test_a_damaged_document_is_rejected_or_read(data, frame):
    body = bytearray(
        document(
            entries("accelerometer", SHAKEN[:4]),
            entries("gravity", GRAVITY[:4]),
            entries("accelerometerUncalibrated", TOTAL[:4]),
            {"name": "annotation", "time": START_NS, "values": {"text": "walk"}},
        )
    )
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    read_or_reject([bytes(body)], frame)
