"""Batches of readings as JSON, for senders that cannot pack bytes. Kafka holds those of `har.binary_samples`."""

import msgspec
import numpy as np

from har.rejections import RejectedMessage
from har.samples import NOTHING_EARLIER, UNDECODABLE, UNITS, SampleBatch, check_header, check_size, checked_batch


class _Json(msgspec.Struct, forbid_unknown_fields=True):
    """The message's fields; times in µs, acceleration in m/s²."""

    schema: int
    device: str
    session: str
    sequence: int
    t: list[int]
    x: list[float]
    y: list[float]
    z: list[float]
    units: str = UNITS
    newest_sent: int = NOTHING_EARLIER
    earlier_until: int | None = None
    later_from: int | None = None


_decoder = msgspec.json.Decoder(_Json)


def decode_json_batch(message: bytes, *, grace_us: int) -> SampleBatch:
    """Decode and validate one JSON message, with `t` in µs and `x`, `y`, `z` in m/s².

    A sender may leave out the promises. Cautious ones are used then: earlier batches may hold readings up to
    `grace_us` newer than this batch's newest reading, and later batches readings up to `grace_us` older. Windows close
    that much later. Nothing precedes a session's first batch.

    Raises
    ------
    RejectedMessage
        As `har.binary_samples.decode_batch` does.
    """
    check_size(message)
    try:
        wire = _decoder.decode(message)
    except UNDECODABLE as error:
        raise RejectedMessage("malformed", f"not a JSON batch: {error}") from error
    count = len(wire.t)
    check_header(wire.schema, wire.device, wire.session, wire.sequence, wire.units, count)
    if not len(wire.x) == len(wire.y) == len(wire.z) == count:
        raise RejectedMessage(
            "count", f"t, x, y, z differ in length: {count}, {len(wire.x)}, {len(wire.y)}, {len(wire.z)}"
        )
    try:
        times = np.array(wire.t, np.int64)
    except OverflowError as error:
        raise RejectedMessage("time", "a timestamp does not fit into 64 bits") from error
    with np.errstate(over="ignore"):  # an overflow becomes infinity, which is rejected
        axes = np.array([wire.x, wire.y, wire.z], np.float64).T.astype(np.float32)
    newest = int(times.max())
    earlier_until = wire.earlier_until
    if earlier_until is None:
        earlier_until = cautious_earlier_until(wire.sequence, newest, grace_us)
    return checked_batch(
        SampleBatch(
            wire.device,
            wire.session,
            wire.sequence,
            times,
            np.ascontiguousarray(axes),
            wire.newest_sent,
            earlier_until,
            wire.later_from if wire.later_from is not None else newest - grace_us,
        )
    )


def cautious_earlier_until(sequence: int, newest: int, grace_us: int) -> int:
    """Return the `earlier_until`, µs, for a sender that does not know the order of its batches.

    Parameters
    ----------
    sequence : int
        The batch's number.
    newest : int
        Its newest event time, µs.
    grace_us : int
        How long a missing batch is waited for, µs.
    """
    return NOTHING_EARLIER if sequence == 0 else newest + grace_us
