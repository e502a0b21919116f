"""`SampleBatch`: a batch of accelerometer readings, and its validation.

One Kafka message holds a batch of readings (usually 25 to 100), encoded by `har.binary_samples`.

What a batch promises
---------------------
Phones deliver late, twice and out of order. Each batch therefore makes promises about the other batches of its session:

* ``newest_sent``: the newest event time that the session had sent before this batch was sent. Readings that are older
  than that by more than the grace are late. The value is in the message, so a processor rejects the same readings
  before and after a restart. A device that sends unacknowledged batches again counts from the acknowledged ones, so
  resuming does not make readings late.
* ``earlier_until``: no batch with a lower sequence number has a reading after this time.
* ``later_from``: no batch with a higher sequence number has a reading before this time.

In consecutive batches, all readings between ``earlier_until`` of the first and ``later_from`` of the last are known, so
a window in between can close at once (`har.assembly`).
"""

import re
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from har.rejections import RejectedMessage

SCHEMA = 1
UNITS = "m/s^2"
MAX_MESSAGE_BYTES = 65_536
MAX_READINGS = 2_000
MAX_ACCELERATION = 200.0
MAX_SEQUENCE = 2**53 - 1
#: Most sequence numbers that one batch may take up.
MAX_NUMBERS = 64
#: Event times lie between 2001 and 2100, µs; others were not meant as microseconds since the epoch.
MIN_TIME_US = 1_000_000_000_000_000
MAX_TIME_US = 4_102_444_800_000_000
#: Longest time between two readings of a batch, µs; it bounds the number of windows that a batch can close.
MAX_SPAN_US = 60_000_000
#: Promises about batches that are further away in time than this are rejected, µs.
MAX_DISORDER_US = 60_000_000
#: ``earlier_until`` of a session's first batch.
NOTHING_EARLIER = 0
#: The exceptions that a decoder raises on invalid input.
UNDECODABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

Times = NDArray[np.int64]
Axes = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class SampleBatch:
    """Consecutive readings of one device's accelerometer.

    Attributes
    ----------
    device, session : str
        Identifiers of 1 to 64 letters, digits, ``.``, ``_`` or ``-``. A session is one uninterrupted
        numbering of batches by one device; after a restart or a jump of its clock a device begins another.
    sequence : int
        The batch's number in its session, from 0, without gaps.
    times : ndarray of int64, shape (n,)
        Event times in µs since the epoch, by the device's clock.
    axes : ndarray of float32, shape (n, 3)
        Acceleration along x, y, z in m/s², gravity included, Android's signs (flat on a table: z = +9.8).
    newest_sent, earlier_until, later_from : int
        Promises, event times in µs, see the module's docstring. The first two are `NOTHING_EARLIER` in a session's
        first batch.
    numbers : int
        How many sequence numbers the batch takes up, from `sequence` on; the session's next batch has the number
        after them. Usually 1. The gateway numbers the batches of a pushed document without knowing how many batches
        other documents gave, so each document has the same count of numbers, and its last batch takes up the rest.
    """

    device: str
    session: str
    sequence: int
    times: Times
    axes: Axes
    newest_sent: int
    earlier_until: int
    later_from: int
    numbers: int = 1

    @property
    def last_sequence(self) -> int:
        """The last sequence number that the batch takes up."""
        return self.sequence + self.numbers - 1

    @property
    def newest(self) -> int:
        """Event time of the batch's own newest reading, µs."""
        return int(self.times.max())

    def __len__(self) -> int:
        return len(self.times)


def in_order_batch(
    device: str, session: str, sequence: int, times: Times, axes: Axes, *, earlier_until: int
) -> SampleBatch:
    """Build a batch for a sender whose event times strictly increase, with the strongest promises.

    Parameters
    ----------
    earlier_until : int
        The last event time of the previous batch, `NOTHING_EARLIER` for a session's first.
    """
    return SampleBatch(device, session, sequence, times, axes, earlier_until, earlier_until, int(times[-1]) + 1)


def checked_batch(batch: SampleBatch) -> SampleBatch:
    """Return `batch` if its values are valid.

    Raises
    ------
    RejectedMessage
        With code ``time``, ``span``, ``promise``, ``not_finite`` or ``magnitude``.
    """
    oldest, newest = int(batch.times.min()), int(batch.times.max())
    if oldest < MIN_TIME_US or newest > MAX_TIME_US:
        raise RejectedMessage(
            "time",
            f"timestamps from {oldest} to {newest} are not microseconds since the epoch (2001 to 2100)",
        )
    if newest - oldest > MAX_SPAN_US:
        raise RejectedMessage(
            "span",
            f"the readings are up to {(newest - oldest) / 1e6:.1f} s apart; the limit is {MAX_SPAN_US / 1e6:.0f} s",
        )
    if not 0 <= batch.newest_sent <= MAX_TIME_US:
        raise RejectedMessage("promise", f"newest_sent is {batch.newest_sent}, which is not a time from 1970 to 2100")
    latest_earlier, oldest_later = newest + MAX_DISORDER_US, oldest - MAX_DISORDER_US
    if not 0 <= batch.earlier_until <= latest_earlier or not oldest_later <= batch.later_from <= newest + 1:
        raise RejectedMessage(
            "promise",
            f"later_from {batch.later_from} and earlier_until {batch.earlier_until} "
            f"contradict readings from {oldest} to {newest}",
        )
    # Check this before the sum of squares: arithmetic with signalling NaNs warns.
    if not np.isfinite(batch.axes).all():
        row = int(np.argmin(np.isfinite(batch.axes).all(axis=1)))
        raise RejectedMessage("not_finite", f"reading {row} holds NaN or infinity: {batch.axes[row].tolist()}")
    squared = np.square(batch.axes, dtype=np.float64).sum(axis=1)
    if squared.max() > MAX_ACCELERATION**2:
        row = int(squared.argmax())
        raise RejectedMessage(
            "magnitude",
            f"reading {row} is {squared[row] ** 0.5:.1f} m/s²; the limit is {MAX_ACCELERATION:.0f} m/s²",
        )
    return batch


def check_identifier(kind: Literal["device", "session"], value: str) -> None:
    """Check a device or session identifier.

    Raises
    ------
    RejectedMessage
        With `kind` as its code.
    """
    if not _IDENTIFIER.fullmatch(value):
        raise RejectedMessage(kind, f"{kind} {value[:80]!r} is not 1 to 64 letters, digits, '.', '_' or '-'")


def check_size(message: bytes) -> None:
    """Reject a message that is empty or too long to parse.

    Raises
    ------
    RejectedMessage
        With code ``empty`` or ``oversized``.
    """
    if not message:
        raise RejectedMessage("empty", "the message is empty")
    if len(message) > MAX_MESSAGE_BYTES:
        raise RejectedMessage("oversized", f"{len(message)} bytes; the limit is {MAX_MESSAGE_BYTES}")


def check_header(
    schema: int, device: str, session: str, sequence: int, units: str, count: int, numbers: int = 1
) -> None:
    """Check a message's header.

    Raises
    ------
    RejectedMessage
        With code ``schema``, ``device``, ``session``, ``sequence``, ``units``, ``empty`` or ``oversized``.
    """
    if schema != SCHEMA:
        raise RejectedMessage("schema", f"schema version {schema} is not supported; this system reads {SCHEMA}")
    check_identifier("device", device)
    check_identifier("session", session)
    if not 1 <= numbers <= MAX_NUMBERS:
        raise RejectedMessage("sequence", f"the batch takes up {numbers} sequence numbers; the limit is {MAX_NUMBERS}")
    if not 0 <= sequence <= MAX_SEQUENCE + 1 - numbers:
        raise RejectedMessage("sequence", f"the numbers of batch {sequence} are not all between 0 and 2^53 - 1")
    if units != UNITS:
        raise RejectedMessage("units", f"units {units[:20]!r}; expected acceleration in {UNITS}")
    if count < 1:
        raise RejectedMessage("empty", "the batch has no reading")
    if count > MAX_READINGS:
        raise RejectedMessage("oversized", f"{count} readings; the limit is {MAX_READINGS}")
