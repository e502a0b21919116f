"""The sources of known readings: Kafka's topics, and the senders' journals."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Self

from deploy.audit.reference import Acknowledged
from deploy.audit.stored import Position, StoredMessage, Unreadable
from deploy.audit.topic_reader import TopicReader
from har import topics
from har.binary_samples import decode_batch
from har.process.kafka_clients import KafkaRecord
from har.process.kafka_connection import KafkaConnection
from har.process.record_batches import MAX_BATCH_RECORDS
from har.process.unreadable_batch import UnreadableBatch
from har.rejections import Rejection
from har.samples import SampleBatch
from ingest.senders.journal import SUFFIX, journal_messages

#: Called with the number of messages that were read, and the total.
Advance = Callable[[int, int], None]


class SamplesLog:
    """The messages of `accelerometer.samples` that were read, and those that the processor rejected.

    Messages are kept encoded: about 1.2 kB of memory per batch of 50 readings.

    Parameters
    ----------
    kafka : KafkaConnection
        How to connect to Kafka.
    since_us : int, optional
        Arrival time before which messages are left out, µs since the epoch.

    Attributes
    ----------
    messages : dict of str to list of StoredMessage
        By device, in the order of the log.
    rejections : dict of (partition, offset) to str
        The codes of rejected messages.
    unreadable : list of Unreadable
        The batches that cannot be read.
    begins_us : int
        Messages that arrived before this, µs since the epoch, may be missing: they were left out, or Kafka has deleted
        them.
    """

    def __init__(self, kafka: KafkaConnection, *, since_us: int | None = None) -> None:
        self._reader = TopicReader(kafka, topics.SAMPLES.name, topics.REJECTED.name, since_us=since_us)
        self.messages: defaultdict[str, list[StoredMessage]] = defaultdict(list)
        self.rejections: dict[Position, str] = {}
        self.unreadable: list[Unreadable] = []
        self.begins_us = since_us or 0
        self._oldest_ms: dict[int, int] = {}
        self._was_read = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def open(self) -> None:
        """Open the topics.

        Raises
        ------
        har.process.kafka_reading.MissingTopicError
            If a topic does not exist.
        """
        self._reader.open()

    def read_on(self, advance: Advance) -> set[str]:
        """Read to the current end; return the devices with new messages.

        Raises
        ------
        TimeoutError
            If the end is not reached.
        """
        changed: set[str] = set()
        read = 0
        for records in self._reader.read_to_end():
            for record in records:
                if isinstance(record.value, UnreadableBatch):
                    self._unreadable(record, record.value)
                elif record.topic == topics.SAMPLES.name:
                    changed.add(self._keep(record))
                else:
                    self._keep_rejection(record, changed)
            read += len(records)
            advance(read, read + self._reader.remaining())
        if not self._was_read:
            self._find_beginning()
        self._was_read = True
        return changed

    def count_rejections(self) -> dict[str, int]:
        """Return the number of rejected messages by code."""
        return dict(Counter(self.rejections.values()))

    def _find_beginning(self) -> None:
        now_ms = time.time_ns() // 1_000_000
        for (topic, partition), offset in self._reader.begins.items():
            if topic == topics.SAMPLES.name and offset > 0:
                self.begins_us = max(self.begins_us, 1000 * self._oldest_ms.get(partition, now_ms))

    def _keep(self, record: KafkaRecord) -> str:
        device = (record.key or b"").decode(errors="replace")
        position = record.partition, record.offset
        self._oldest_ms.setdefault(record.partition, record.timestamp)
        self.messages[device].append(StoredMessage(position, record.value or b"", is_known=not self._was_read))
        return device

    def _unreadable(self, record: KafkaRecord, batch: UnreadableBatch) -> None:
        self.unreadable.append(Unreadable(f"{record.topic}/{record.partition}", batch.first, batch.last, batch.reason))

    def _keep_rejection(self, record: KafkaRecord, changed: set[str]) -> None:
        try:
            rejection = Rejection.of_record(record.key, record.value, record.headers)
        except ValueError:
            return  # not written by this system
        topic, _, position = (rejection.origin or "").partition("/")
        partition, _, offset = position.partition("/")
        if topic != topics.SAMPLES.name or not partition.isdecimal() or not offset.isdecimal():
            return
        for further in range(min(rejection.offsets, MAX_BATCH_RECORDS)):
            self.rejections[int(partition), int(offset) + further] = rejection.code
        if rejection.device is not None:
            changed.add(rejection.device)


class NoJournalError(LookupError):
    """A folder contains no journal."""


class Journals:
    """The journals of a folder by device, as they are now; later entries are left out.

    Raises
    ------
    OSError
        If the folder cannot be read.
    ingest.senders.journal.JournalError
        If a file is not a journal.
    NoJournalError
        If the folder contains no journal.
    """

    def __init__(self, folder: Path) -> None:
        self._lengths: defaultdict[str, dict[Path, int]] = defaultdict(dict)
        for path in sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIX)):
            first = next(journal_messages(path), None)
            if first is not None:
                self._lengths[decode_batch(first).device][path] = sum(1 for _ in journal_messages(path))
        if not self._lengths:
            raise NoJournalError(f"there is no journal in {folder}")

    @property
    def devices(self) -> list[str]:
        """The devices that have journals."""
        return list(self._lengths)

    def acknowledged(self, device: str) -> Acknowledged:
        """Read the acknowledged batches of a device, by session and sequence number."""
        sessions: dict[str, dict[int, list[SampleBatch]]] = {}
        for path, length in self._lengths.get(device, {}).items():
            for message in islice(journal_messages(path), length):
                batch = decode_batch(message)
                sessions.setdefault(batch.session, {}).setdefault(batch.sequence, []).append(batch)
        return sessions
