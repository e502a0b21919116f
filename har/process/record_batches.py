"""The record batches of a fetch from Kafka, of which some may be unreadable.

A client of Kafka that meets a batch with a wrong checksum, or one that it cannot decompress, raises an error, and meets
the same batch again after every restart. `FetchedBatches` gives such a client one record in the batch's place instead.
The record's value is an `UnreadableBatch`, so that a service treats the batch like any other unusable message: it
reports its place and moves on. The header of a batch is never compressed and gives the offsets.

The clients decode the records themselves; this module passes them an uncompressed batch. It knows no client: `decode`
is the client's class of batches.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from har.process.batch_headers import (
    FORMAT,
    HEADER,
    LENGTH,
    LOST_FORMAT,
    Buffer,
    Decode,
    Header,
    end_of,
    header_at,
    may_begin,
    next_intact,
    with_length,
)
from har.process.record_codecs import CodecError, decompress
from har.process.unreadable_batch import UnreadableBatch

#: A batch with more records is not read. Millions of empty ones would fit into a batch of 1 MiB.
MAX_BATCH_RECORDS = 100_000

_ATTRIBUTES = struct.Struct(">h")
_ATTRIBUTES_AT = 21
_CODEC_MASK = 0x07
#: A record takes at least this much, bytes.
_LEAST_RECORD = 7


@dataclass(frozen=True, slots=True)
class _UnreadableRecord:
    """What a client sees in place of an unreadable batch."""

    offset: int
    timestamp: int
    value: UnreadableBatch
    timestamp_type: int = 0
    key: None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    checksum: None = None
    size_in_bytes: int = 0

    def validate_crc(self) -> bool:
        return True


class FetchedBatch:
    """A batch whose records are decoded, with what clients ask of a batch."""

    magic = FORMAT
    producer_id = None
    is_transactional = False

    def __init__(self, header: Header, next_offset: int, records: Sequence[Any], *, is_control: bool = False) -> None:
        self.base_offset = header.base
        self.next_offset = next_offset
        self.leader_epoch = header.epoch
        self.is_control_batch = is_control
        self._records = records

    def validate_crc(self) -> bool:
        """Return True: the checksum was compared before."""
        return True

    def has_producer_id(self) -> bool:
        """Return False: aborted transactions are not left out."""
        return False

    def __iter__(self) -> Iterator[Any]:
        return iter(self._records)


class FetchedBatches:
    """The batches in a partition's part of a fetch, in place of a client's own `MemoryRecords`.

    Parameters
    ----------
    fetched : bytes-like
        What Kafka returned; the last batch may be cut off.
    decode : callable
        The client's class of batches.

    Attributes
    ----------
    position : int
        The offset that was fetched; an unreadable batch ends after it, so that the client advances.
    """

    def __init__(self, fetched: Buffer | None, decode: Decode) -> None:
        self._fetched = memoryview(fetched or b"")
        self._decode = decode
        self._place = 0
        #: The offset after the last batch; None before the first one.
        self._reached: int | None = None
        self.position = 0

    def size_in_bytes(self) -> int:
        """Return the size of everything that was fetched, bytes."""
        return len(self._fetched)

    def has_next(self) -> bool:
        """Return whether a whole batch is left."""
        # Kafka never cuts off the first batch, so the length of one that seems so is damaged.
        is_first = self._place == 0 and len(self._fetched) >= LENGTH.size
        return is_first or end_of(self._fetched, self._place) is not None

    def next_batch(self) -> FetchedBatch | None:
        """Return the next batch; None after the last whole one."""
        if not self.has_next():
            return None
        begin, end = self._place, end_of(self._fetched, self._place)
        try:
            batch = self._readable(begin, end)
        except _UnreadableError as error:
            batch, end = self._repaired(begin, end, error) or self._unreadable(begin, end, error)
        assert end is not None
        self._place, self._reached = end, batch.next_offset
        return batch

    def _readable(self, begin: int, end: int | None) -> FetchedBatch:
        if end is None:
            raise _UnreadableError("its length is wrong", is_intact=False)
        return self._fitting(_readable(self._fetched[begin:end], self._decode), end)

    def _fitting(self, batch: FetchedBatch, end: int) -> FetchedBatch:
        if not self._fits(batch, self._following(end)):
            raise _UnreadableError("its offsets are not between those of the batches around it", is_intact=False)
        return batch

    def _repaired(self, begin: int, end: int | None, error: "_UnreadableError") -> tuple[FetchedBatch, int] | None:
        """Return a batch of which only the length is wrong, which the checksum does not cover, and where it ends."""
        if error.is_intact or (end is not None and may_begin(self._fetched, end)):
            return None
        end = next_intact(self._fetched, begin + 1, self._decode) or len(self._fetched)
        raw = with_length(self._fetched[begin:end])
        try:
            return self._fitting(_readable(memoryview(raw), self._decode), end), end
        except _UnreadableError:
            return None

    def _fits(self, batch: FetchedBatch, following: int | None) -> bool:
        """Return whether a batch is where its first offset says, which its checksum does not cover."""
        if self._reached is None and batch.base_offset <= self.position:
            return True
        if self._reached is not None and batch.base_offset <= self._reached:
            return batch.base_offset == self._reached
        # There is a gap before it, as in compacted topics, or its offset is damaged: only the next batch can tell.
        return following is None or batch.next_offset <= following

    def _following(self, end: int) -> int | None:
        """Return the first offset of the batch that begins at `end`; None if there is none yet."""
        if len(self._fetched) - end < LENGTH.size:
            return None
        following: int = LENGTH.unpack_from(self._fetched, end)[0]
        return following

    def _unreadable(self, begin: int, end: int | None, error: "_UnreadableError") -> tuple[FetchedBatch, int]:
        if not error.is_intact and (end is None or not may_begin(self._fetched, end)):
            end = next_intact(self._fetched, begin + 1, self._decode)
        end = end or len(self._fetched)
        raw = self._fetched[begin:end]
        header = header_at(raw, 0)
        following = self._following(end)
        first = self._first_offset(header, following)
        end_offset = _end_offset(header._replace(base=first), following, is_intact=error.is_intact)
        end_offset = max(end_offset, self.position + 1)
        kept = raw[:0] if header.format == LOST_FORMAT else raw
        batch = UnreadableBatch(kept, min(first, end_offset - 1), end_offset - 1, str(error))
        timestamp = max(0, header.max_timestamp) if error.is_intact else 0
        if not error.is_intact:
            header = header._replace(epoch=-1)  # kafka-python tells it to Kafka, which would compare it with its log
        return FetchedBatch(header, end_offset, [_UnreadableRecord(end_offset - 1, timestamp, batch)]), end

    def _first_offset(self, header: Header, following: int | None) -> int:
        """Return where an unreadable batch begins: where it states, unless the batches around it contradict."""
        if self._reached is None and header.base <= self.position:
            return header.base
        least = self.position if self._reached is None else self._reached
        is_possible = header.base >= least and (following is None or header.base + header.last_delta < following)
        return header.base if is_possible else least


class _UnreadableError(Exception):
    """A batch cannot be read; `is_intact` states whether its header can be trusted."""

    def __init__(self, reason: str, *, is_intact: bool) -> None:
        super().__init__(reason)
        self.is_intact = is_intact


def _readable(raw: memoryview, decode: Decode) -> FetchedBatch:
    """Decode a batch.

    Raises
    ------
    _UnreadableError
        If it cannot be read.
    """
    if len(raw) < HEADER.size:
        raise _UnreadableError(f"it has {len(raw)} bytes, less than a header", is_intact=False)
    header = header_at(raw, 0)
    if header.format == LOST_FORMAT:
        raise _UnreadableError(
            "Kafka finds no batch there in its own file, in which the length of one is damaged", is_intact=False
        )
    if header.format != FORMAT:
        raise _UnreadableError(f"it has format {header.format}, not {FORMAT}", is_intact=False)
    if not decode(raw).validate_crc():
        raise _UnreadableError("its checksum is wrong", is_intact=False)
    if header.records > MAX_BATCH_RECORDS:
        raise _UnreadableError(f"it has {header.records} records, more than {MAX_BATCH_RECORDS}", is_intact=True)
    try:
        batch = decode(_uncompressed(raw, header))
        is_control = batch.is_control_batch
        # Decode all records before the first is used: a batch is read as a whole or not at all.
        records = [] if is_control else list(batch)
    except CodecError as error:
        raise _UnreadableError(str(error), is_intact=True) from error
    except Exception as error:  # the clients raise many kinds at records that are none
        raise _UnreadableError(f"its records are damaged: {error!r}", is_intact=True) from error
    return FetchedBatch(header, header.base + header.last_delta + 1, records, is_control=is_control)


def _uncompressed(raw: memoryview, header: Header) -> memoryview:
    codec = header.attributes & _CODEC_MASK
    if codec == 0:
        return raw
    records = decompress(codec, raw[HEADER.size :])
    if header.records * _LEAST_RECORD > len(records):
        raise CodecError(f"{len(records)} bytes cannot hold {header.records} records")
    batch = bytearray(raw[: HEADER.size])
    LENGTH.pack_into(batch, 0, header.base, HEADER.size - LENGTH.size + len(records))
    _ATTRIBUTES.pack_into(batch, _ATTRIBUTES_AT, header.attributes & ~_CODEC_MASK)
    return memoryview(batch + records)


def _end_offset(header: Header, following: int | None, *, is_intact: bool) -> int:
    """Return the offset after an unreadable batch.

    Parameters
    ----------
    header : Header
        Its header.
    following : int or None
        The first offset of the batch after it; None if there is none yet.
    is_intact : bool
        Whether the checksum of the header is right.
    """
    stated = header.base + header.last_delta + 1
    if is_intact:
        return stated
    if following is not None:
        return stated if header.base < stated <= following else max(following, header.base + 1)
    # One damaged field must not let the client skip what comes later: believe the smaller of two.
    return header.base + max(1, min(header.last_delta + 1, header.records))
