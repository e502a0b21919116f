"""The headers of Kafka's batches, as they stand in a broker's files and in its answers."""

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

Buffer = bytes | bytearray | memoryview
#: Makes a client's batch from bytes.
Decode = Callable[[Any], Any]

HEADER = struct.Struct(">qiibIhiqqqhii")
LENGTH = struct.Struct(">qi")
FORMAT, FORMAT_AT = 2, 16
#: The format of no batch of Kafka: of a header that stands for batches that a broker did not return.
LOST_FORMAT = 127
_FORMAT_BYTE = b"\x02"
_LARGEST_DELTA = 2**31 - 2


class Header(NamedTuple):
    """The fields of a batch's header, in their order."""

    base: int
    length: int
    epoch: int
    format: int
    crc: int
    attributes: int
    last_delta: int
    first_timestamp: int
    max_timestamp: int
    producer: int
    producer_epoch: int
    base_sequence: int
    records: int


def header_at(content: memoryview, begin: int) -> Header:
    """Return the header that begins here; what is cut off counts as zero."""
    return Header(*HEADER.unpack_from(bytes(content[begin : begin + HEADER.size]).ljust(HEADER.size, b"\0")))


def end_of(content: memoryview, begin: int) -> int | None:
    """Return where the batch that begins here ends; None if it is not whole."""
    if len(content) - begin < LENGTH.size:
        return None
    _, length = LENGTH.unpack_from(content, begin)
    end: int = begin + LENGTH.size + length
    return end if length > 0 and end <= len(content) else None


def may_begin(content: memoryview, begin: int) -> bool:
    """Return whether a batch may begin here, as far as the bytes that are there show."""
    left = len(content) - begin
    if left <= FORMAT_AT:
        return True
    base, length = LENGTH.unpack_from(content, begin)
    return base >= 0 and length >= HEADER.size - LENGTH.size and content[begin + FORMAT_AT] == FORMAT


def is_intact(content: memoryview, begin: int, decode: Decode) -> bool:
    """Return whether a whole batch with a right checksum begins here."""
    end = end_of(content, begin)
    return end is not None and may_begin(content, begin) and bool(decode(content[begin:end]).validate_crc())


def next_intact(content: memoryview, begin: int, decode: Decode) -> int | None:
    """Return where the next batch with a right checksum begins, from `begin` on; None if there is none."""
    searched = bytes(content)
    at = searched.find(_FORMAT_BYTE, begin + FORMAT_AT)
    while at >= 0:
        place = at - FORMAT_AT
        if is_intact(content, place, decode):
            return place
        at = searched.find(_FORMAT_BYTE, at + 1)
    return None


def with_length(batch: memoryview) -> bytes:
    """Return a batch with its length in the header, where another one may be."""
    changed = bytearray(batch)
    if len(changed) >= LENGTH.size:
        LENGTH.pack_into(changed, 0, LENGTH.unpack_from(changed)[0], len(changed) - LENGTH.size)
    return bytes(changed)


def with_first_length(content: Buffer, decode: Decode) -> Buffer:
    """Return batches of which the first one ends where the next intact one begins, if it states an end beyond all."""
    view = memoryview(content)
    if len(view) < LENGTH.size or end_of(view, 0) is not None:
        return content
    end = next_intact(view, 1, decode) or len(view)
    return with_length(view[:end]) + view[end:]


def lost_batches(first: int, end: int) -> bytes:
    """Return a header that stands for the offsets from `first` to before `end`, which a broker cannot return."""
    delta = min(end - first - 1, _LARGEST_DELTA)
    return HEADER.pack(
        *Header(first, HEADER.size - LENGTH.size, -1, LOST_FORMAT, 0, 0, delta, 0, 0, -1, -1, -1, delta + 1)
    )
