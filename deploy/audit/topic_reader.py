"""Read topics from their beginning, and detect when their end was reached.

The end offset that a broker reports on request is not reliable (`docs/embedded.md`). The end is the high watermark that
fetches return with the messages.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Self

from kafka import KafkaConsumer, TopicPartition

from har.process.kafka_clients import KafkaRecord, Partition, open_reader
from har.process.kafka_connection import KafkaConnection
from har.process.kafka_reading import MissingTopicError, read_until
from har.process.unreadable_batch import UnreadableBatch

#: Time in which a consumer at the end fetches every partition several times, s.
SETTLE_SECONDS = 1.0
#: How long a broker may wait for new messages before it answers a fetch, ms. The embedded broker checks only twice in
#: this time: a short wait is for measuring latency, a long one causes fewer empty answers.
PROMPT_FETCH_MS, LEISURELY_FETCH_MS = 50, 250
POLL_MS = 200
MAX_RECORDS = 2_000


class EndOfLog:
    """Detects, poll by poll, when all messages that the topics held at its creation were read.

    A high watermark is as old as the fetch that returned it. The end is therefore reached twice: at the first known
    watermark, and, after a time in which every partition was fetched again, at the one known then. This ends even if
    messages keep arriving.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._targets: dict[Partition, int] | None = None
        self._reached_first_at: float | None = None
        self._is_settled = False

    def is_reached(self, ends: Mapping[Partition, int | None], positions: Mapping[Partition, int]) -> bool:
        """Return whether the end is reached, from each partition's high watermark (None at first) and next offset."""
        if self._targets is None:
            self._targets = _known(ends)
        if not _has_reached(self._targets, positions):
            return False
        if self._reached_first_at is None:
            self._reached_first_at = self._clock()
        if not self._is_settled and self._clock() - self._reached_first_at >= SETTLE_SECONDS:
            self._is_settled = True
            self._targets = _known(ends)
        return self._is_settled and _has_reached(self._targets, positions)


class TopicReader:
    """A consumer without a group that reads all partitions of some topics.

    Parameters
    ----------
    kafka : KafkaConnection
        How to connect to Kafka.
    topics : str
        Names of the topics.
    since_us : int, optional
        Messages with an earlier Kafka timestamp are left out, µs since the epoch.
    fetch_wait_ms : int
        How long a broker may wait for new messages before it answers, ms; at most a quarter of `SETTLE_SECONDS`.

    Attributes
    ----------
    begins, positions : dict of Partition to int
        The first offset of each partition in Kafka, and the next one to read.
    ends : dict of Partition to int or None
        Each partition's high watermark at the last fetch; None before.

    Raises
    ------
    kafka.errors.KafkaError
        If Kafka cannot be reached.
    """

    def __init__(
        self, kafka: KafkaConnection, *topics: str, since_us: int | None = None, fetch_wait_ms: int = LEISURELY_FETCH_MS
    ) -> None:
        self._topics = topics
        self._since_ms = since_us // 1000 if since_us is not None else None
        self._partitions: list[TopicPartition] = []
        self._consumer = open_reader(
            KafkaConsumer,
            kafka,
            fetch_wait_ms=fetch_wait_ms,
            max_records=MAX_RECORDS,
            reset="earliest",
        )
        self.begins: dict[Partition, int] = {}
        self.ends: dict[Partition, int | None] = {}
        self.positions: dict[Partition, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Open the topics at their beginning.

        Raises
        ------
        MissingTopicError
            If a topic does not exist.
        """
        for topic in self._topics:
            numbers = self._consumer.partitions_for_topic(topic)
            if not numbers:
                raise MissingTopicError(topic)
            self._partitions += [TopicPartition(topic, number) for number in sorted(numbers)]
        self._consumer.assign(self._partitions)
        self._consumer.seek_to_beginning(*self._partitions)
        self.begins = {Partition(tp.topic, tp.partition): self._consumer.position(tp) for tp in self._partitions}
        if self._since_ms is not None:
            self._seek(self._since_ms)
        self._update_positions()

    def poll(self) -> list[KafkaRecord]:
        """Return the next records, in order within a partition; none after a short wait without messages."""
        records = [record for polled in self._consumer.poll(timeout_ms=POLL_MS).values() for record in polled]
        self._update_positions()
        if self._since_ms is None:
            return records
        # The time of a batch that cannot be read is unknown.
        return [
            record
            for record in records
            if record.timestamp >= self._since_ms or isinstance(record.value, UnreadableBatch)
        ]

    def read_to_end(self) -> Iterator[list[KafkaRecord]]:
        """Return records, poll by poll, until everything that the topics hold now was read.

        Raises
        ------
        TimeoutError
            While reading, if no messages come for `STALLED_SECONDS` before the end.
        """
        end = EndOfLog()
        return read_until(self, lambda: end.is_reached(self.ends, self.positions))

    def remaining(self) -> int:
        """Return the number of unread messages, as far as it is known."""
        return sum(max(0, (end or 0) - self.positions[partition]) for partition, end in self.ends.items())

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()

    def _seek(self, since_ms: int) -> None:
        found = self._consumer.offsets_for_times(dict.fromkeys(self._partitions, since_ms))
        for partition in self._partitions:
            if found[partition] is None:
                self._consumer.seek_to_end(partition)
            else:
                self._consumer.seek(partition, found[partition].offset)

    def _update_positions(self) -> None:
        for partition in self._partitions:
            name = Partition(partition.topic, partition.partition)
            self.ends[name] = self._consumer.highwater(partition)
            self.positions[name] = self._consumer.position(partition)


def _known(ends: Mapping[Partition, int | None]) -> dict[Partition, int] | None:
    targets = {partition: end for partition, end in ends.items() if end is not None}
    return targets if len(targets) == len(ends) else None


def _has_reached(targets: Mapping[Partition, int] | None, positions: Mapping[Partition, int]) -> bool:
    return targets is not None and all(positions[partition] >= end for partition, end in targets.items())
