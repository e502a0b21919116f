"""Batches of readings as JSON, for senders that cannot pack bytes (`har.samples` has the message of the log)."""

import msgspec
import numpy as np

from har.samples import (
    NOTHING_EARLIER,
    UNDECODABLE,
    UNITS,
    RejectedBatch,
    SampleBatch,
    check_header,
    check_size,
    checked_batch,
)


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

    A sender that leaves out the promises gets careful ones: batches before and after may hold readings up to
    `grace_us` newer and older than this one's newest, so its windows close that much later. Before the first of a
    session there is none.

    Raises
    ------
    RejectedBatch
        As `decode_batch`.
    """
    check_size(message)
    try:
        wire = _decoder.decode(message)
    except UNDECODABLE as error:
        raise RejectedBatch("malformed", f"not a JSON batch: {error}") from error
    count = len(wire.t)
    check_header(wire.schema, wire.device, wire.session, wire.sequence, wire.units, count)
    if not len(wire.x) == len(wire.y) == len(wire.z) == count:
        raise RejectedBatch(
            "count", f"t, x, y, z differ in length: {count}, {len(wire.x)}, {len(wire.y)}, {len(wire.z)}"
        )
    try:
        times = np.array(wire.t, np.int64)
    except OverflowError as error:
        raise RejectedBatch("time", "a timestamp does not fit into 64 bits") from error
    with np.errstate(over="ignore"):  # what overflows becomes infinite and is rejected as that
        axes = np.array([wire.x, wire.y, wire.z], np.float64).T.astype(np.float32)
    newest = int(times.max())
    return checked_batch(
        SampleBatch(
            wire.device,
            wire.session,
            wire.sequence,
            times,
            np.ascontiguousarray(axes),
            wire.newest_sent,
            wire.earlier_until if wire.earlier_until is not None else careful_earlier(wire.sequence, newest, grace_us),
            wire.later_from if wire.later_from is not None else newest - grace_us,
        )
    )


def careful_earlier(sequence: int, newest: int, grace_us: int) -> int:
    """Return what a sender that knows nothing of its batches' order can promise of earlier ones (`earlier_until`).

    Parameters
    ----------
    sequence : int
        The batch's number.
    newest : int
        Its newest event time, µs.
    grace_us : int
        How long batches are waited for, µs.
    """
    return NOTHING_EARLIER if sequence == 0 else newest + grace_us
