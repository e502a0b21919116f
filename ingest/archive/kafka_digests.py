"""Digests of the messages that Kafka holds of a topic, below the offsets that the archive covers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from har.binary_samples import decode_batch
from har.labels import ENDLESS, decode_label
from har.process.kafka_clients import KafkaRecord, Partition
from har.process.kafka_connection import KafkaConnection
from har.process.kafka_reading import read_until
from har.process.unreadable_batch import UnreadableBatch
from har.rejections import RejectedMessage
from har.samples import check_size
from ingest.archive.digests import label_digest, reading_digests, summed
from ingest.archive.held_rows import day_begin, label_name
from ingest.archive.log_reader import LogError, LogReader
from ingest.archive.state import TableState
from ingest.archive.table_kinds import SAMPLES
from ingest.archive.tables import ArchiveTable

#: Messages may be out of the order of their arrival by up to this, µs.
DISORDER_US = 60_000_000
#: Header of a copy that the processor wrote; the copy has the timestamp of its original.
CARRIED_HEADER = "carried_from"
NEVER = 1 << 62

#: A batch: (device, session, sequence); a label: (device, session, start, said_at).
Name = tuple[Any, ...]


@dataclass
class KafkaDigests:
    """Digests of what Kafka holds, and counts of its messages.

    Attributes
    ----------
    digests : dict of Name to int
        Summed digests of the rows of each batch or label.
    complete_from : int
        Kafka has everything that reached the gateway after this time, µs since the epoch; 0 if it deleted nothing.
        It deletes old messages, and all of a topic that is created anew.
    oldest : int
        Time at which the oldest of its messages reached the gateway, µs since the epoch.
    messages, repeats, kept_out, rejected, behind : int
        See `ingest.archive.verification.TableComparison`.
    """

    digests: dict[Name, int] = field(default_factory=dict)
    complete_from: int = 0
    oldest: int = NEVER
    messages: int = 0
    repeats: int = 0
    kept_out: int = 0
    rejected: int = 0
    behind: int = 0
    _names: dict[str, str] = field(default_factory=dict)

    def _add(self, record: KafkaRecord, table: ArchiveTable, state: TableState) -> None:
        if isinstance(record.value, UnreadableBatch):
            self.messages += record.value.messages
            self.rejected += record.value.messages
            return
        self.messages += 1
        arrived = record.timestamp * 1000
        self.oldest = min(self.oldest, arrived)
        read = _read_samples if table.kind is SAMPLES else _read_label
        try:
            check_size(record.value or b"")
            name, oldest, digest = read(record.value or b"", day_begin(state.deleted_before))
        except RejectedMessage:
            self.rejected += 1
            return
        if state.forgotten.keeps_out(name[0], name[1], arrived=arrived, oldest=oldest) or not digest:
            self.kept_out += 1
            return
        name = tuple(self._names.setdefault(part, part) if isinstance(part, str) else part for part in name)
        if name in self.digests:
            self.repeats += 1
        else:
            self.digests[name] = digest


def read_kafka(table: ArchiveTable, state: TableState, kafka: KafkaConnection) -> KafkaDigests:
    """Read a table's topic from its first message to the offsets that the table covers.

    Parameters
    ----------
    table : ArchiveTable
        The table, with its committed offsets.
    state : TableState
        The table's state.
    kafka : KafkaConnection
        How to connect to Kafka.

    Raises
    ------
    LogError
        If Kafka cannot be read, or the topic is not the one that was archived.
    MissingTopicError
        If the topic does not exist.
    TimeoutError
        If no message comes for `har.process.kafka_reading.STALLED_SECONDS` before the end.
    """
    topic = table.kind.topic.name
    found = KafkaDigests(complete_from=state.topic_from)
    reader = LogReader(kafka, [topic])
    try:
        if state.topic not in (None, reader.identities[topic]):
            raise LogError(
                f"{topic} is not the topic that was archived, but another topic of the same name: nothing to compare"
            )
        partitions = reader.partitions()
        reader.begin(dict.fromkeys(partitions))
        deleted = {partition for partition, begin in reader.positions.items() if begin}
        targets = {partition: table.offset(partition.number) or 0 for partition in partitions}
        for record in _records_below(reader, targets):
            partition = Partition(record.topic, record.partition)
            is_dated = not isinstance(record.value, UnreadableBatch)
            if partition in deleted and is_dated and CARRIED_HEADER not in dict(record.headers):
                found.complete_from = max(found.complete_from, record.timestamp * 1000 + DISORDER_US)
                deleted.remove(partition)
            if record.offset < targets[partition]:
                found._add(record, table, state)
        if deleted:  # a partition holds no message any more, so it is unknown what Kafka deleted
            found.complete_from = NEVER
        found.behind = sum(max(0, (reader.end(partition) or 0) - target) for partition, target in targets.items())
    finally:
        reader.close()
    return found


def _read_samples(message: bytes, begin: int) -> tuple[Name, int, int]:
    batch = decode_batch(message)
    kept = batch.times >= begin
    digests = reading_digests(batch.times[kept], batch.axes[kept])
    return (batch.device, batch.session, batch.sequence), int(batch.times.min()), summed(digests)


def _read_label(message: bytes, begin: int) -> tuple[Name, int, int]:
    label = decode_label(message)
    if label.start < begin:
        return label_name(label), label.start, 0
    end = None if label.end == ENDLESS else label.end
    return label_name(label), label.start, label_digest(end, label.activity, label.user)


def _records_below(reader: LogReader, targets: Mapping[Partition, int]) -> Iterator[KafkaRecord]:
    """Yield messages until each partition is read up to its target or its end, whichever is lower."""

    def is_reached() -> bool:
        return all(
            (end := reader.end(partition)) is not None and reader.positions[partition] >= min(target, end)
            for partition, target in targets.items()
        )

    return chain.from_iterable(read_until(reader, is_reached))
