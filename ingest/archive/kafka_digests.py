"""What Kafka holds of a topic below the offsets that the archive covers, as digests."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from har.labels import ENDLESS, decode_label
from har.recordings import RecordingError
from har.samples import RejectedBatch, check_size, decode_batch
from ingest.archive.digests import label_digest, reading_digests, summed
from ingest.archive.held_rows import day_begin, label_name
from ingest.archive.log_reader import KafkaRecord, LogError, LogReader, Partition
from ingest.archive.state import TableState
from ingest.archive.tables import SAMPLES, ArchiveTable

#: Without a message for so long, and short of the end, Kafka counts as gone.
STALLED_SECONDS = 30.0
#: Messages are not quite in the order of their arrival, µs.
DISORDER_US = 60_000_000
#: The header of a copy that the processor wrote; it has the time of what it is a copy of.
CARRIED_HEADER = "carried_from"
NEVER = 1 << 62

#: A batch: (device, session, sequence); a label: (device, session, start, said_at).
Name = tuple[Any, ...]


@dataclass
class KafkaDigests:
    """What Kafka holds.

    Attributes
    ----------
    digests : dict of Name to int
        The sum of the digests of each batch's or label's rows.
    complete_from : int
        Kafka has everything that reached the gateway after this, µs; 0 if it never deleted anything.
    oldest : int
        When the first message that it has reached the gateway, µs.
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

    def _take(self, record: KafkaRecord, table: ArchiveTable, state: TableState) -> None:
        self.messages += 1
        arrived = record.timestamp * 1000
        self.oldest = min(self.oldest, arrived)
        read = _read_samples if table.kind is SAMPLES else _read_label
        try:
            check_size(record.value or b"")
            name, oldest, digest = read(record.value or b"", day_begin(state.deleted_before))
        except (RejectedBatch, RecordingError):
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


def read_kafka(table: ArchiveTable, state: TableState, bootstrap: str) -> KafkaDigests:
    """Read a table's topic from Kafka's beginning to where the table is.

    Raises
    ------
    LogError
        If Kafka cannot be read, or has another topic of the same name.
    TimeoutError
        If it gives no more before the end.
    """
    topic = table.kind.topic.name
    found = KafkaDigests()
    reader = LogReader(bootstrap, [topic])
    try:
        if state.topic not in (None, reader.identities[topic]):
            raise LogError(
                f"{topic} is not the topic that was archived, but another of its name: nothing to compare with"
            )
        partitions = reader.partitions()
        reader.begin(dict.fromkeys(partitions))
        deleted = {each for each, begin in reader.positions.items() if begin}
        targets = {each: table.offset(each.number) or 0 for each in partitions}
        for record in _read_until(reader, targets):
            partition = Partition(record.topic, record.partition)
            if partition in deleted and CARRIED_HEADER not in dict(record.headers):
                found.complete_from = max(found.complete_from, record.timestamp * 1000 + DISORDER_US)
                deleted.remove(partition)
            if record.offset < targets[partition]:
                found._take(record, table, state)
        if deleted:  # nothing is left there: what there was is not known
            found.complete_from = NEVER
        found.behind = sum(max(0, (reader.end(each) or 0) - target) for each, target in targets.items())
    finally:
        reader.close()
    return found


def _read_samples(message: bytes, begin: int) -> tuple[Name, int, int]:
    batch = decode_batch(message)
    kept = batch.times >= begin
    digests = reading_digests(batch.times[kept], batch.axes[kept])
    return (batch.device, batch.session, batch.sequence), int(batch.times.min()), summed(digests)


def _read_label(message: bytes, begin: int) -> tuple[Name, int, int]:
    said = decode_label(message)
    if said.start < begin:
        return label_name(said), said.start, 0
    end = None if said.end == ENDLESS else said.end
    return label_name(said), said.start, label_digest(end, said.activity, said.user)


def _read_until(reader: LogReader, targets: Mapping[Partition, int]) -> Iterator[KafkaRecord]:
    """Yield messages until each partition is read up to its target, and its end is known."""
    heard_at = time.monotonic()
    while not all(
        (end := reader.end(each)) is not None and reader.positions[each] >= min(target, end)
        for each, target in targets.items()
    ):
        records = reader.poll()
        yield from records
        if records:
            heard_at = time.monotonic()
        elif time.monotonic() - heard_at > STALLED_SECONDS:
            raise TimeoutError("Kafka gives no more messages before its end: is it running?")
