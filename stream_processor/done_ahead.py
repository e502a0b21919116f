"""What is done beyond the committed offset, which is kept with the commit.

One silent session holds a partition's commit back until its copies are read at the end of the log (`sessions`). A
worker that catches up and ends before that would begin at the same offset each time, and never arrive if it ends often.
With each commit it therefore notes how far everything else is done. The next worker still reads from the committed
offset, but skips what is done.
"""

import base64
import hashlib
from collections.abc import Iterable
from typing import NamedTuple, Self

from har.process.unreadable_batch import UnreadableBatch
from har.time_units import MICROSECONDS
from stream_processor.kafka_messages import KafkaEvent, LogMessage

#: A device whose oldest unfinished message is older than this does not hold back what is noted, µs of arrival.
HELD_US = 10 * MICROSECONDS
#: Devices in one note. Kafka keeps 4,096 bytes with a commit by default (`offset.metadata.max.bytes`).
MOST_DEVICES = 400
_HASH_BYTES = 6
_MARK = "done"


class Received(NamedTuple):
    """An event that was received, with its message.

    Attributes
    ----------
    event : KafkaEvent
        Acknowledges it.
    key : bytes or None
        The message's key; None for an unreadable batch, which stands for messages of any devices.
    arrived : int
        Its arrival at the gateway, µs since the epoch.
    first_offset : int
        Its offset, or the first one of an unreadable batch.
    """

    event: KafkaEvent
    key: bytes | None
    arrived: int
    first_offset: int

    @classmethod
    def of(cls, message: LogMessage, event: KafkaEvent) -> Self:
        """Return the event of a message."""
        key = None if isinstance(message.value, UnreadableBatch) else message.key or b""
        return cls(event, key, message.arrived, message.first_offset)


class DoneAhead(NamedTuple):
    """All messages below an offset are done, except those of some devices.

    Attributes
    ----------
    until : int
        The offset.
    devices : frozenset of bytes
        Hashes of the keys of these devices. If two keys have the same hash, messages are processed again.
    """

    until: int = 0
    devices: frozenset[bytes] = frozenset()

    @classmethod
    def of(cls, unfinished: Iterable[tuple[int, Received]], end: int, latest: int) -> Self:
        """Return what is done, from the unfinished messages in the order of their offsets.

        Parameters
        ----------
        unfinished : iterable of (int, Received)
            Offset and event of each message that is not done.
        end : int
            The offset after the last message received.
        latest : int
            The arrival of the newest message received, µs since the epoch.
        """
        devices: set[bytes] = set()
        for offset, received in unfinished:
            if received.key is None:
                return cls(received.first_offset, frozenset(devices))
            device = _hash(received.key)
            if device in devices:
                continue
            if latest - received.arrived < HELD_US or len(devices) == MOST_DEVICES:
                return cls(offset, frozenset(devices))
            devices.add(device)
        return cls(end, frozenset(devices))

    @classmethod
    def decode(cls, text: str) -> Self:
        """Return what `encode` wrote; nothing is done if it is anything else."""
        mark, _, rest = text.partition(":")
        until, _, devices = rest.partition(":")
        if mark != _MARK or not until.isdecimal():
            return cls()
        try:
            joined = base64.b64decode(devices, validate=True)
        except ValueError:
            return cls()
        if len(joined) % _HASH_BYTES:
            return cls()
        cut = range(0, len(joined), _HASH_BYTES)
        return cls(int(until), frozenset(joined[begin : begin + _HASH_BYTES] for begin in cut))

    def encode(self) -> str:
        """Return it as text of at most 3,230 characters."""
        return f"{_MARK}:{self.until}:{base64.b64encode(b''.join(sorted(self.devices))).decode()}"

    def covers(self, message: LogMessage) -> bool:
        """Return whether a message is done; an unreadable batch may hide messages that are not."""
        if isinstance(message.value, UnreadableBatch):
            return False
        return message.offset < self.until and _hash(message.key or b"") not in self.devices


NOTHING = DoneAhead()


def _hash(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=_HASH_BYTES).digest()
