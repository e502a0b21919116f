"""The batches of one device in `accelerometer.samples`, and which of them the stream must use.

The rules are those of `har.samples` and `docs/messages.md`, implemented a second time on purpose: this module does not
use `har.assembly`, so that it can detect faults there.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from har.binary_samples import decode_batch
from har.rejections import RejectedMessage
from har.samples import SampleBatch

Position = tuple[int, int]

#: Codes of rejections by a limit of the processor, which are accepted without a check.
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
        Whether it counts as known: in an audit without journals, whether it was in Kafka when the audit began.
        Windows of later messages are optional.
    """

    position: Position
    value: bytes
    is_known: bool = True


class Unreadable(msgspec.Struct, frozen=True):
    """A batch in Kafka that cannot be read.

    Attributes
    ----------
    partition : str
        ``topic/partition``.
    first, last : int
        Its offsets.
    reason : str
        Why it cannot be read.
    """

    partition: str
    first: int
    last: int
    reason: str


@dataclass(slots=True)
class StoredSession:
    """The batches of one session in Kafka.

    Attributes
    ----------
    usable : dict of int to SampleBatch
        By sequence number; of several batches with one number, the first that was not rejected.
    known : set of int
        Sequence numbers of the usable batches that count as known.
    numbers : dict of int to int
        How many sequence numbers each batch takes up.
    contents : dict of int to set of bytes
        Fingerprints of all batches with a number, rejected or not.
    repeated : int
        Number of messages that repeat a batch.
    unfounded : list of (int, str)
        Sequence number and code of each batch that was rejected although nothing in the log gives a reason.
    """

    usable: dict[int, SampleBatch] = field(default_factory=dict)
    known: set[int] = field(default_factory=set)
    numbers: dict[int, int] = field(default_factory=dict)
    contents: dict[int, set[bytes]] = field(default_factory=dict)
    repeated: int = 0
    unfounded: list[tuple[int, str]] = field(default_factory=list)

    def holds(self, batch: SampleBatch) -> bool:
        """Return whether the readings of `batch` are stored under its number."""
        return fingerprint(batch) in self.contents.get(batch.sequence, ())

    def count_unacknowledged(self, journal: Mapping[int, list[SampleBatch]]) -> int:
        """Return how many of the batches are not in the sender's journal, given by sequence number."""
        return sum(
            len(contents - {fingerprint(batch) for batch in journal.get(number, ())})
            for number, contents in self.contents.items()
        )


@dataclass(slots=True)
class StoredDevice:
    """The messages with one key in Kafka.

    Attributes
    ----------
    sessions : dict of str to StoredSession
        By name.
    unusable : int
        Number of messages that are no batch, or are another device's.
    """

    sessions: dict[str, StoredSession] = field(default_factory=dict)
    unusable: int = 0


def sort_out(
    device: str, messages: Iterable[StoredMessage], rejections: Mapping[Position, str], grace_us: int
) -> StoredDevice:
    """Sort one device's messages into sessions, without those that the stream rejects.

    Parameters
    ----------
    device : str
        The messages' Kafka key.
    messages : iterable of StoredMessage
        In the order of the log.
    rejections : mapping of (partition, offset) to str
        Codes of the messages that the processor rejected.
    grace_us : int
        The processor's grace, µs.
    """
    stored = StoredDevice()
    for message in messages:
        try:
            batch = decode_batch(message.value)
        except RejectedMessage:
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
    session.numbers[batch.sequence] = max(batch.numbers, session.numbers.get(batch.sequence, 1))
    if rejection is not None and not _is_founded(rejection, session, batch, grace_us):
        session.unfounded.append((batch.sequence, rejection))
    if rejection is not None or is_late(batch, grace_us):
        return
    session.usable.setdefault(batch.sequence, batch)
    if message.is_known:
        session.known.add(batch.sequence)


def _is_founded(code: str, session: StoredSession, batch: SampleBatch, grace_us: int) -> bool:
    """Return whether the messages up to a batch give a reason to reject it with this code."""
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
    """Return whether a batch is late by its own promise: one late reading is enough."""
    return int(batch.times.min()) < batch.newest_sent - grace_us


def fingerprint(batch: SampleBatch) -> bytes:
    """Return a digest of a batch's readings."""
    digest = hashlib.blake2b(batch.times.tobytes(), digest_size=16)
    digest.update(batch.axes.tobytes())
    return digest.digest()
