"""Reading on in a partition where a broker cannot: the length in a batch's header is damaged in its file.

A broker finds an offset in its file from the last entry of its index before it (by default there is one for every
4 KiB), and walks from there from header to header. It gives up at a damaged length. For this offset and those after
it, until the next entry of the index, Apache Kafka 4.1 was seen to answer:

- a length below 14: the error CORRUPT_MESSAGE;
- a length beyond the end of the file: nothing, although there are messages, or what the next file begins with;
- another length: the batch itself, and one of the answers above for the offsets after it.

A broker does not check what it returns, though. A fetch from before the damage returns the bytes of the damaged batch
and of those after it, so that only the damaged batch is lost. If the damaged batch is the first in its file, there is
no such offset. Then reading continues at the first offset that Kafka can return, and all before it are lost.

An answer without messages has other reasons, too: a fetch's limit was reached in other partitions, or remote storage is
slow or over its quota. The first is told by another fetch of this partition alone, the second by time: see `Silence`.
"""

import time
from collections.abc import Awaitable, Callable, Hashable
from enum import Enum
from typing import NamedTuple

from har.process.batch_headers import LENGTH, Buffer, Decode, end_of, header_at, is_intact, lost_batches, next_intact

#: The most bytes that a fetch from before the damage asks for.
FETCH_BYTES = 8 * 1024 * 1024
#: The most bytes that another fetch asks for: those of an ordinary one.
ORDINARY_BYTES = 1024 * 1024
#: How long a broker answers nothing, although there are messages, until its file counts as damaged, s.
SILENCE_SECONDS = 10.0
_NO_ERROR, _OUT_OF_RANGE, _CORRUPT = 0, 1, 2


class Answer(NamedTuple):
    """What a broker answers to a fetch of one partition.

    Attributes
    ----------
    error : int
        Kafka's error code; 0 for none.
    end : int
        The high watermark: the offset after the last message.
    content : bytes-like
        The batches; the last one may be cut off.
    """

    error: int
    end: int
    content: Buffer


#: Stands for the answer of a broker that leaves the partition out of it, as the embedded one does without waiting.
NOT_ANSWERED = Answer(-1, 0, b"")

#: Fetches from an offset, at most a number of bytes, without waiting for messages.
Fetch = Callable[[int, int], Awaitable[Answer]]


class _Reach(Enum):
    READABLE = "the offset is in the first batch of the answer"
    DAMAGED = "the broker did not find the offset"
    OUTSIDE = "the offset is before the first or after the last"


class _OtherError(Exception):
    """The broker cannot answer for another reason."""


class Silence:
    """How long brokers have answered nothing from a position, by partition.

    Parameters
    ----------
    clock : callable
        Returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        #: The position, and when it was first and last answered like this.
        self._silent: dict[Hashable, tuple[int, float, float]] = {}

    def has_lasted(self, partition: Hashable, position: int) -> bool:
        """Note such an answer; return whether all were like this for `SILENCE_SECONDS`."""
        now = self._clock()
        known, since, last = self._silent.get(partition, (position, now, now))
        if known != position or now - last > SILENCE_SECONDS:
            since = now
        self._silent[partition] = position, since, now
        return now - since >= SILENCE_SECONDS


def is_suspicious(answer: Answer, position: int) -> bool:
    """Return whether an answer to a fetch from `position` is one that a damaged file may have caused."""
    if answer.error != _NO_ERROR:
        return answer.error == _CORRUPT
    if not answer.content:
        return answer.end > position
    return _begins_after(memoryview(answer.content), position, answer.end)


async def read_on(
    fetch: Fetch, position: int, decode: Decode, *, is_compacted: bool, is_silent: Callable[[], bool]
) -> bytes | None:
    """Return batches from `position` on, which a client can read in place of a suspicious answer.

    Parameters
    ----------
    fetch : callable
        How to fetch from the partition.
    position : int
        The next offset to read.
    decode : callable
        The client's class of batches.
    is_compacted : bool
        Whether offsets may be missing between batches.
    is_silent : callable
        Called when the broker answers nothing; returns whether this has lasted (`Silence.has_lasted`).

    Returns
    -------
    bytes or None
        Begins with the damaged batch, or with a header that stands for the offsets that Kafka cannot return. Empty if
        the client has to ask again. None if its own answer holds.
    """
    try:
        answer = await fetch(position, ORDINARY_BYTES)
        if not is_suspicious(answer, position):
            return bytes(answer.content)
        if answer.error == _NO_ERROR and not answer.content and not is_silent():
            return b""
        return await _from_before(fetch, position, decode) or await _from_after(
            fetch, position, is_compacted=is_compacted
        )
    except _OtherError:
        return b""


async def _from_before(fetch: Fetch, position: int, decode: Decode) -> bytes:
    """Return what follows `position` in a fetch from the nearest earlier offset that the broker finds."""
    outside, damaged, step = -1, position, 1
    while damaged - outside > 1:
        offset = position - step
        if offset <= outside:
            offset = (outside + damaged) // 2
        answer = await fetch(offset, FETCH_BYTES)
        reach = _reach(answer, offset)
        if reach is _Reach.READABLE and (content := _cut(memoryview(answer.content), position, decode)):
            return content
        if reach is _Reach.DAMAGED:
            damaged = offset
        else:  # or the answer ends before the position
            outside = offset
        step *= 2
    return b""


async def _from_after(fetch: Fetch, position: int, *, is_compacted: bool) -> bytes | None:
    """Return what the broker can return next, after a header that stands for what it cannot."""
    damaged, step = position, 1
    found: Answer | None = None
    beyond = position + step
    while found is None or beyond - damaged > 1:
        offset = position + step if found is None else (damaged + beyond) // 2
        answer = await fetch(offset, ORDINARY_BYTES)
        if _reach(answer, offset) is _Reach.DAMAGED:
            damaged = offset
        else:
            found, beyond = answer, offset
        step *= 2
    answer = await fetch(position, ORDINARY_BYTES)
    if not is_suspicious(answer, position):  # messages came meanwhile
        return bytes(answer.content)
    if not found.content:
        return lost_batches(position, beyond)
    first = header_at(memoryview(found.content), 0).base
    if is_compacted and answer.content and header_at(memoryview(answer.content), 0).base == first:
        return None
    return lost_batches(position, first) + bytes(found.content)


def _reach(answer: Answer, offset: int) -> _Reach:
    if answer.error == _OUT_OF_RANGE:
        return _Reach.OUTSIDE
    if answer.error == _CORRUPT:
        return _Reach.DAMAGED
    if answer.error != _NO_ERROR:
        raise _OtherError
    if not answer.content:
        return _Reach.DAMAGED if answer.end > offset else _Reach.OUTSIDE
    is_found = header_at(memoryview(answer.content), 0).base <= offset
    return _Reach.READABLE if is_found else _Reach.DAMAGED


def _begins_after(content: memoryview, position: int, end: int) -> bool:
    """Return whether the batches begin after `position`, and not only because a first offset is damaged."""
    first = header_at(content, 0)
    if not position < first.base < end:
        return False
    place = end_of(content, 0)
    if place is None or len(content) - place < LENGTH.size:
        return True
    return first.base + first.last_delta < header_at(content, place).base


def _cut(content: memoryview, position: int, decode: Decode) -> bytes:
    """Return the batches without those that end before `position`, intact or not."""
    place = 0
    while place < len(content):
        header = header_at(content, place)
        last, end = header.base + header.last_delta, end_of(content, place)
        if not is_intact(content, place, decode):
            end = next_intact(content, place + 1, decode)
            last = header_at(content, end).base - 1 if end is not None else last
        if last >= position:
            break
        place = len(content) if end is None else end
    return bytes(content[place:])
