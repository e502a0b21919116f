"""What lies in `accelerometer.samples` of one device, and which of it the stream has to use.

The rules are those that `har.samples` and `docs/messages.md` promise, written down a second time on
purpose: nothing here comes from `har.assembly`, whose faults would otherwise go unnoticed.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from har.samples import RejectedBatch, SampleBatch, decode_batch

Position = tuple[int, int]

#: Rejections by a limit of the processor, which are taken as they are.
_LIMITS = {"too_dense", "too_slow"}


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message of `accelerometer.samples`.

    Attributes
    ----------
    position : (int, int)
        Partition and offset.
    value : bytes
        The message.
    is_known : bool
        Whether it counts as known: in an audit without journals, those messages that lay in Kafka when the
        audit began. What comes while it runs may have been answered, but need not be.
    """

    position: Position
    value: bytes
    is_known: bool = True


@dataclass(slots=True)
class StoredSession:
    """What lies in Kafka of one session.

    Attributes
    ----------
    usable : dict of int to SampleBatch
        By sequence number; of several batches under a number the first that was not rejected.
    known : set of int
        Those of them that count as known.
    contents : dict of int to set of bytes
        The fingerprints of all readings that were stored under a number, rejected or not.
    repeated : int
        Messages that repeat a batch.
    unfounded : list of (int, str)
        Number and code of each batch that the processor rejected although nothing in the log gives a reason.
    """

    usable: dict[int, SampleBatch] = field(default_factory=dict)
    known: set[int] = field(default_factory=set)
    contents: dict[int, set[bytes]] = field(default_factory=dict)
    repeated: int = 0
    unfounded: list[tuple[int, str]] = field(default_factory=list)

    def holds(self, batch: SampleBatch) -> bool:
        """Tell whether the readings of `batch` were stored under its number."""
        return fingerprint(batch) in self.contents.get(batch.sequence, ())


@dataclass(slots=True)
class StoredDevice:
    """What lies in Kafka under one key.

    Attributes
    ----------
    sessions : dict of str to StoredSession
        By name.
    unusable : int
        Messages that are no batch, or another device's.
    """

    sessions: dict[str, StoredSession] = field(default_factory=dict)
    unusable: int = 0


def sort_out(
    device: str, messages: Iterable[StoredMessage], rejections: Mapping[Position, str], grace_us: int
) -> StoredDevice:
    """Sort one device's messages into sessions, without what the stream rejects.

    Parameters
    ----------
    device : str
        The messages' Kafka key.
    messages : iterable of StoredMessage
        In the order of the log.
    rejections : mapping of (partition, offset) to str
        What the processor rejected, with the code.
    grace_us : int
        The processor's grace, µs.
    """
    stored = StoredDevice()
    for message in messages:
        try:
            batch = decode_batch(message.value)
        except RejectedBatch:
            stored.unusable += 1
            continue
        if batch.device != device:
            stored.unusable += 1
            continue
        session = stored.sessions.setdefault(batch.session, StoredSession())
        _add(session, batch, message, rejections.get(message.position), grace_us)
    return stored


def _add(
    session: StoredSession, batch: SampleBatch, message: StoredMessage, rejection: str | None, grace_us: int
) -> None:
    contents = session.contents.setdefault(batch.sequence, set())
    session.repeated += session.holds(batch)
    contents.add(fingerprint(batch))
    if rejection is not None and not _is_founded(rejection, session, batch, grace_us):
        session.unfounded.append((batch.sequence, rejection))
    if rejection is not None or is_late(batch, grace_us):
        return
    session.usable.setdefault(batch.sequence, batch)
    if message.is_known:
        session.known.add(batch.sequence)


def _is_founded(code: str, session: StoredSession, batch: SampleBatch, grace_us: int) -> bool:
    """Tell whether what was stored up to a batch gives a reason to reject it with this code."""
    if code == "late":
        return is_late(batch, grace_us)
    if code == "conflict":
        return len(session.contents[batch.sequence]) > 1
    if code == "sequence":
        oldest = int(batch.times.min())
        others = session.usable.items()
        return any(number >= batch.sequence and other.newest < oldest for number, other in others) or any(
            number > batch.sequence and other.earlier_until < oldest for number, other in others
        )
    return code in _LIMITS


def is_late(batch: SampleBatch, grace_us: int) -> bool:
    """Tell whether a batch is late by its own statement: one late reading is enough."""
    return int(batch.times.min()) < batch.newest_sent - grace_us


def fingerprint(batch: SampleBatch) -> bytes:
    """Return a digest of a batch's readings: equal for equal readings."""
    digest = hashlib.blake2b(batch.times.tobytes(), digest_size=16)
    digest.update(batch.axes.tobytes())
    return digest.digest()
