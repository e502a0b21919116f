"""Batches of Kafka in every codec, and batches that cannot be read, as both clients decode them."""

import struct

import cramjam
import pytest
from aiokafka.record.default_records import DefaultRecordBatch as AiokafkaBatch
from hypothesis import given
from hypothesis import strategies as st
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from kafka.record.util import calc_crc32c

from har.process.record_batches import MAX_BATCH_RECORDS, FetchedBatches
from har.process.record_codecs import CODECS, MAX_BATCH_BYTES
from har.process.unreadable_batch import UnreadableBatch

CLIENTS = pytest.mark.parametrize("decode", [DefaultRecordBatch, AiokafkaBatch], ids=["kafka-python", "aiokafka"])
LENGTH_AT, ATTRIBUTES_AT, LAST_DELTA_AT, RECORDS_AT, HEADER_BYTES = 8, 21, 23, 57, 61


def kafka_batch(base=0, *, codec=0, records=3, value=b"readings" * 20):
    """Return a batch as Kafka stores it."""
    builder = DefaultRecordBatchBuilder(2, codec, False, -1, -1, 0, 1 << 30)
    for number in range(records):
        builder.append(number, 1_000 + number, b"phone-1", value, [("header", b"text")])
    batch = bytearray(builder.build())
    struct.pack_into(">q", batch, 0, base)
    return bytes(batch)


def with_payload(batch, payload, *, codec):
    """Return a batch with other compressed records, and a right checksum."""
    changed = bytearray(batch[:HEADER_BYTES] + payload)
    struct.pack_into(">i", changed, 8, len(changed) - 12)
    struct.pack_into(">h", changed, ATTRIBUTES_AT, codec)
    return with_checksum(changed)


def with_checksum(batch):
    changed = bytearray(batch)
    struct.pack_into(">I", changed, 17, calc_crc32c(memoryview(changed)[ATTRIBUTES_AT:]))
    return bytes(changed)


def damaged(batch, at=HEADER_BYTES + 3):
    return batch[:at] + bytes([batch[at] ^ 0xFF]) + batch[at + 1 :]


def read(content, decode, *, position=0):
    """Read as a client does: skip what is before its position, and advance to the end of each batch."""
    batches = FetchedBatches(content, decode)
    batches.position = position
    records = []
    while batches.has_next():
        batch = batches.next_batch()
        records += [record for record in batch if record.offset >= position]
        position = max(position, batch.next_offset)
    return records, position


def places(records):
    """Return the offsets of readable records, and (first, last) of unreadable batches."""
    return [
        (record.value.first, record.value.last) if isinstance(record.value, UnreadableBatch) else record.offset
        for record in records
    ]


@CLIENTS
@pytest.mark.parametrize("codec", range(5))
def test_batches_of_every_codec_are_read(decode, codec):
    large = bytes(2_000_000)  # beyond the 1 MiB at which some decompressors stop
    records, position = read(kafka_batch(codec=codec) + kafka_batch(3, codec=codec, records=1, value=large), decode)
    assert [(record.offset, record.value) for record in records] == [
        (0, b"readings" * 20), (1, b"readings" * 20), (2, b"readings" * 20), (3, large),
    ]  # fmt: skip
    assert list(records[0].headers) == [("header", b"text")]
    assert position == 4


@CLIENTS
@pytest.mark.parametrize("versions", [b"\0\0\0\1\0\0\0\1", b"\1\0\0\0\1\0\0\0"], ids=["big-endian", "little-endian"])
def test_snappy_is_read_with_and_without_frames(decode, versions):
    plain = kafka_batch()
    records = plain[HEADER_BYTES:]
    blocks = [bytes(cramjam.snappy.compress_raw(part)) for part in (records[:100], records[100:])]
    framed = b"\x82SNAPPY\0" + versions + b"".join(struct.pack(">i", len(block)) + block for block in blocks)
    for payload in (bytes(cramjam.snappy.compress_raw(records)), framed):
        assert places(read(with_payload(plain, payload, codec=2), decode)[0]) == [0, 1, 2]


@CLIENTS
@pytest.mark.parametrize("codec", range(5))
def test_a_batch_with_a_wrong_checksum_is_passed_as_one_record_and_nothing_else_is_skipped(decode, codec):
    unreadable = damaged(kafka_batch(10, codec=codec))
    records, position = read(
        kafka_batch(7, codec=codec) + unreadable + kafka_batch(13, codec=codec), decode, position=7
    )
    assert places(records) == [7, 8, 9, (10, 12), 13, 14, 15]
    assert position == 16
    batch = records[3].value
    assert (batch.messages, batch.reason) == (3, "its checksum is wrong")
    assert batch == unreadable  # its bytes are kept


def broken_payloads():
    zeros = b"\0" * (MAX_BATCH_BYTES + 1)
    yield "gzip bomb", 1, bytes(cramjam.gzip.compress(zeros)), "grows beyond"
    yield "snappy bomb", 2, bytes(cramjam.snappy.compress_raw(zeros)), "grows beyond"
    yield "lz4 bomb", 3, bytes(cramjam.lz4.compress(zeros)), "grows beyond"
    yield "zstd bomb", 4, bytes(cramjam.zstd.compress(zeros)), "grows beyond"
    for number, name in CODECS.items():
        yield f"no {name}", number, b"this is no compressed data at all", f"{name}: "
        yield f"empty {name}", number, b"", name
        compress = cramjam.snappy.compress_raw if name == "snappy" else getattr(cramjam, name).compress
        yield f"no records in {name}", number, bytes(compress(b"\x7f" * 400)), "records are damaged"
    yield "cut snappy frame", 2, b"\x82SNAPPY\0" + bytes(8) + b"\0\0", "incomplete"
    yield "long snappy frame", 2, b"\x82SNAPPY\0" + bytes(8) + struct.pack(">i", 1 << 30), "a block of"
    yield "unknown codec", 6, b"anything", "codec 6 is unknown"


@CLIENTS
@pytest.mark.parametrize(
    ("codec", "payload", "reason"),
    [case[1:] for case in broken_payloads()],
    ids=[case[0] for case in broken_payloads()],
)
def test_a_batch_with_a_right_checksum_that_cannot_be_decoded_is_passed_as_one_record(decode, codec, payload, reason):
    broken = with_payload(kafka_batch(5), payload, codec=codec)
    records, position = read(kafka_batch(2) + broken + kafka_batch(8), decode)
    assert places(records) == [2, 3, 4, (5, 7), 8, 9, 10]
    assert reason in records[3].value.reason
    assert position == 11


@CLIENTS
def test_too_many_records_are_not_decoded(decode):
    batch = bytearray(kafka_batch())
    struct.pack_into(">i", batch, LAST_DELTA_AT, MAX_BATCH_RECORDS)
    struct.pack_into(">i", batch, RECORDS_AT, MAX_BATCH_RECORDS + 1)
    records, position = read(with_checksum(batch), decode)
    assert places(records) == [(0, MAX_BATCH_RECORDS)]
    assert position == MAX_BATCH_RECORDS + 1


@CLIENTS
@pytest.mark.parametrize("length", [3, -5, 49, 150, 500])
def test_a_damaged_length_costs_nothing(decode, length):
    broken = bytearray(kafka_batch(5))
    struct.pack_into(">i", broken, LENGTH_AT, length)
    assert places(read(broken + kafka_batch(8), decode, position=5)[0]) == [5, 6, 7, 8, 9, 10]
    assert places(read(broken, decode, position=5)[0]) == [5, 6, 7]
    if length > 0:
        assert places(read(kafka_batch(2) + broken + kafka_batch(8), decode)[0]) == [2, 3, 4, 5, 6, 7, 8, 9, 10]
    broken[-1] ^= 0xFF
    assert places(read(broken + kafka_batch(8), decode, position=5)[0]) == [(5, 7), 8, 9, 10]


@CLIENTS
@pytest.mark.parametrize(
    ("at", "content"),
    [(16, b"\1"), (16, b"\7"), (LAST_DELTA_AT, struct.pack(">i", 1 << 30)),
     (LAST_DELTA_AT, struct.pack(">i", -5)), (RECORDS_AT, struct.pack(">i", 1 << 30))],
    ids=["old format", "no format", "large delta", "negative delta", "count"],
)  # fmt: skip
def test_a_damaged_header_costs_its_batch_only(decode, at, content):
    batch = kafka_batch(5)
    broken = batch[:at] + content + batch[at + len(content) :]
    assert places(read(kafka_batch(2) + broken + kafka_batch(8), decode)[0]) == [2, 3, 4, (5, 7), 8, 9, 10]
    records, position = read(kafka_batch(2) + broken, decode)  # nothing follows that shows where it ends
    assert places(records)[:3] == [2, 3, 4]
    assert 6 <= position <= 8


@CLIENTS
@pytest.mark.parametrize("offset", [0, 4, 6, 1 << 40, -1], ids=["first", "before", "after", "far", "negative"])
def test_a_batch_at_another_offset_than_it_states_costs_only_itself(decode, offset):
    """The checksum does not cover the first offset. A client that believed it would go there, and not come back."""
    content = kafka_batch(2) + kafka_batch(offset) + kafka_batch(8)
    records, position = read(content, decode, position=3)
    assert places(records) == [3, 4, (5, 7), 8, 9, 10]
    assert "its offsets are not between" in records[2].value.reason
    assert position == 11


@CLIENTS
def test_offsets_that_a_compacted_topic_has_no_more_are_no_damage(decode):
    content = kafka_batch(4) + kafka_batch(9) + kafka_batch(12)
    assert places(read(content, decode, position=2)[0]) == [4, 5, 6, 9, 10, 11, 12, 13, 14]


@CLIENTS
def test_a_client_advances_also_if_it_meets_the_same_batch_again(decode):
    batch = damaged(kafka_batch(5), LAST_DELTA_AT)
    _, position = read(batch, decode, position=7)
    assert position == 8


@CLIENTS
def test_a_cut_off_batch_is_left_for_the_next_fetch(decode):
    content = kafka_batch() + kafka_batch(3)[:70]
    records, position = read(content, decode)
    assert places(records) == [0, 1, 2]
    assert position == 3


#: Two batches, and the places that a checksum, a format or a length protects; a broker finds batches by their offsets.
TWO_BATCHES = kafka_batch(5) + kafka_batch(8, codec=4)
_SECOND = len(kafka_batch(5))
PROTECTED = [at for at in range(len(TWO_BATCHES)) if at not in range(8) and at not in range(_SECOND, _SECOND + 8)]


@CLIENTS
@given(places=st.sets(st.sampled_from(PROTECTED), max_size=4), bit=st.integers(0, 7))
def test_any_damage_ends_with_progress(decode, places, bit):
    content = bytearray(TWO_BATCHES)
    for place in places:
        content[place] ^= 1 << bit
    records, position = read(bytes(content), decode, position=5)
    assert position > 5
    if not places:
        assert [record.offset for record in records] == [5, 6, 7, 8, 9, 10]


@CLIENTS
@given(content=st.binary(min_size=12, max_size=300))
def test_bytes_that_are_no_batch_end_with_progress(decode, content):
    _, position = read(content, decode, position=5)
    assert position > 5


def test_the_dead_letter_names_the_place_and_keeps_the_bytes():
    batch = UnreadableBatch(memoryview(b"content"), 10, 19, "its checksum is wrong")
    rejection = batch.rejection("accelerometer.samples", 3, "processor")
    assert rejection.detail == "Kafka's batch of offsets 10 to 19 cannot be read: its checksum is wrong"
    assert dict(rejection.headers)["origin"] == b"accelerometer.samples/3/10"
    assert dict(rejection.headers)["offsets"] == b"10"
    assert rejection.value == b"content"
