"""Batches of readings as MessagePack, the form that Kafka holds.

The message is an array: a small header, then the event times and the three axes as raw little-endian bytes. A batch
that takes up several sequence numbers has a further field at the end with their count.
"""

from typing import Any

import msgspec
import numpy as np

from har.rejections import RejectedMessage
from har.samples import SCHEMA, UNDECODABLE, UNITS, SampleBatch, check_header, check_size, checked_batch


class _Wire(msgspec.Struct, array_like=True):
    """The message's fields in the order on the wire; binary fields are views into the message."""

    schema: int
    device: str
    session: str
    sequence: int
    newest_sent: int
    earlier_until: int
    later_from: int
    units: str
    count: int
    times: memoryview
    x: memoryview
    y: memoryview
    z: memoryview


class _WireOfNumbers(_Wire, array_like=True):
    """The same with the count of sequence numbers that the batch takes up, 1 if it is missing."""

    numbers: int = 1


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_WireOfNumbers)


def encode_batch(batch: SampleBatch) -> bytes:
    """Encode a batch as one MessagePack message.

    Examples
    --------
    >>> from har.samples import in_order_batch
    >>> times = np.arange(1_700_000_000_000_000, 1_700_000_001_000_000, 20_000)
    >>> axes = np.full((50, 3), 5.66, np.float32)
    >>> batch = in_order_batch("phone-1", "s1", 0, times, axes, earlier_until=0)
    >>> len(encode_batch(batch))
    1041
    """
    axes = np.ascontiguousarray(batch.axes.T, dtype="<f4")
    fields = (
        SCHEMA,
        batch.device,
        batch.session,
        batch.sequence,
        batch.newest_sent,
        batch.earlier_until,
        batch.later_from,
        UNITS,
        len(batch),
        memoryview(np.ascontiguousarray(batch.times, dtype="<i8").tobytes()),
        memoryview(axes[0].tobytes()),
        memoryview(axes[1].tobytes()),
        memoryview(axes[2].tobytes()),
    )
    return _encoder.encode(_Wire(*fields) if batch.numbers == 1 else _WireOfNumbers(*fields, batch.numbers))


def decode_batch(message: bytes) -> SampleBatch:
    """Decode and validate one MessagePack message.

    Raises
    ------
    RejectedMessage
        If the message is empty, oversized, truncated, not a batch, of an unknown schema, or holds impossible
        values. The exception has the fault's code and a text for the sender.
    """
    check_size(message)
    try:
        wire = _decoder.decode(message)
    except UNDECODABLE as error:
        raise _explain_malformed(message, error) from error
    check_header(wire.schema, wire.device, wire.session, wire.sequence, wire.units, wire.count, wire.numbers)
    for name, field, size in (("times", wire.times, 8), ("x", wire.x, 4), ("y", wire.y, 4), ("z", wire.z, 4)):
        if len(field) != size * wire.count:
            raise RejectedMessage(
                "count",
                f"{name} has {len(field)} bytes; the header states {wire.count} readings of {size} bytes",
            )
    times = np.frombuffer(wire.times, "<i8")
    axes = np.empty((wire.count, 3), np.float32)
    for column, field in enumerate((wire.x, wire.y, wire.z)):
        axes[:, column] = np.frombuffer(field, "<f4")
    return checked_batch(
        SampleBatch(
            wire.device,
            wire.session,
            wire.sequence,
            times,
            axes,
            wire.newest_sent,
            wire.earlier_until,
            wire.later_from,
            wire.numbers,
        )
    )


def _explain_malformed(message: bytes, error: Exception) -> RejectedMessage:
    """Return why a message could not be decoded: another schema version, or not a batch."""
    try:
        fields: Any = msgspec.msgpack.decode(message)
    except UNDECODABLE as broken:
        return RejectedMessage("malformed", f"truncated or not MessagePack: {broken}")
    if isinstance(fields, list) and fields and isinstance(fields[0], int) and fields[0] != SCHEMA:
        return RejectedMessage("schema", f"schema version {fields[0]} is not supported; this system reads {SCHEMA}")
    return RejectedMessage("malformed", f"MessagePack, but not a batch: {error}")
