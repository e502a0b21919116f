"""Reading Kafka's topics from where the archive is, without a consumer group: the archive itself says how far it is."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, OffsetOutOfRangeError

from har.process.kafka_clients import open_client

log = logging.getLogger(__name__)

POLL_MS = 200
FETCH_WAIT_MS = 100
MAX_RECORDS = 500
#: How soon a consumer learns of new partitions, ms.
METADATA_AGE_MS = 30_000
#: A Kafka that is said to run answers sooner, ms.
REACH_MS = 10_000


class Partition(NamedTuple):
    """A partition of a topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.number}"


class KafkaRecord(Protocol):
    """What is used of a record of kafka-python; its timestamp is in ms since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class LogError(RuntimeError):
    """Kafka cannot be read; the text says why and what to do."""


@dataclass
class Lost:
    """Messages that Kafka deleted before they were read.

    Attributes
    ----------
    messages : int
        How many offsets.
    """

    messages: int = 0


class LogReader:
    """Reads all partitions of some topics, each from the offset that is asked for.

    Parameters
    ----------
    bootstrap : str
        ``host:port,host:port``.
    topics : sequence of str
        Their names.

    Attributes
    ----------
    positions : dict of Partition to int
        The next offset to read.
    lost : Lost
        What could not be read any more.

    Raises
    ------
    LogError
        If Kafka or a topic is not there.
    """

    def __init__(self, bootstrap: str, topics: Sequence[str]) -> None:
        self._topics = topics
        self.positions: dict[Partition, int] = {}
        self.lost = Lost()
        try:
            self.identities = topic_identities(bootstrap, topics)
            self._consumer = open_client(
                KafkaConsumer,
                bootstrap_servers=bootstrap.split(","),
                enable_auto_commit=False,
                auto_offset_reset="none",
                fetch_max_wait_ms=FETCH_WAIT_MS,
                max_poll_records=MAX_RECORDS,
                metadata_max_age_ms=METADATA_AGE_MS,
                reconnect_backoff_max_ms=1_000,
            )
        except KafkaError as error:
            raise LogError(
                f"Kafka at {bootstrap} cannot be reached: {error}; is it running, is --bootstrap right?"
            ) from (error)

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()

    def begin(self, wanted: Mapping[Partition, int | None]) -> None:
        """Read on from the offsets that are wanted; from the first that Kafka has, where there is None.

        Raises
        ------
        KafkaError
            If Kafka does not answer.
        """
        partitions = [TopicPartition(*partition) for partition in wanted]
        self._consumer.assign(partitions)
        first = self._consumer.beginning_offsets(partitions)
        for partition, asked in wanted.items():
            begin = first[TopicPartition(*partition)]
            if asked is not None and asked < begin:
                self._lose(partition, asked, begin)
            self._seek(partition, begin if asked is None else max(asked, begin))

    def partitions(self) -> list[Partition]:
        """Return all partitions that there are by now."""
        return [
            Partition(topic, number)
            for topic in self._topics
            for number in sorted(self._consumer.partitions_for_topic(topic) or ())
        ]

    def poll(self) -> list[KafkaRecord]:
        """Return the next messages, those of a partition in their order; none after a short wait without news.

        Raises
        ------
        KafkaError
            If Kafka rejects.
        """
        try:
            polled = self._consumer.poll(timeout_ms=POLL_MS)
        except OffsetOutOfRangeError as error:
            self._recover([Partition(each.topic, each.partition) for each in error.args[0]])
            return []
        self._look_for_new_logs()
        records = [record for records in polled.values() for record in records]
        for record in records:
            self.positions[Partition(record.topic, record.partition)] = record.offset + 1
        return records

    def end(self, partition: Partition) -> int | None:
        """Return the offset after a partition's last message, as of the last fetch; None before it."""
        end: int | None = self._consumer.highwater(TopicPartition(*partition))
        return end

    def _recover(self, partitions: Sequence[Partition]) -> None:
        first = self._consumer.beginning_offsets([TopicPartition(*each) for each in partitions])
        for partition in partitions:
            begin, position = first[TopicPartition(*partition)], self.positions[partition]
            if position < begin:
                self._lose(partition, position, begin)
            else:
                self._begin_anew(partition, position)
            self._seek(partition, begin)

    def _look_for_new_logs(self) -> None:
        """Find partitions that end before what was read of them; not every broker rejects to fetch there."""
        for partition, position in list(self.positions.items()):
            end = self.end(partition)
            if end is not None and end < position:
                self._begin_anew(partition, position)
                begin = self._consumer.beginning_offsets([TopicPartition(*partition)])
                self._seek(partition, begin[TopicPartition(*partition)])

    def _begin_anew(self, partition: Partition, position: int) -> None:
        log.error("%s ends before offset %d, which was read: it is another log, and read from its beginning",
                  partition, position)  # fmt: skip

    def _lose(self, partition: Partition, wanted: int, begin: int) -> None:
        self.lost.messages += begin - wanted
        log.error(
            "LOST: Kafka has deleted %d messages of %s before they were archived (offsets %d to %d). Run the archiver "
            "without long breaks, or let Kafka keep messages for longer (retention.ms); it goes on from %d",
            begin - wanted, partition, wanted, begin - 1, begin,
        )  # fmt: skip

    def _seek(self, partition: Partition, offset: int) -> None:
        self._consumer.seek(TopicPartition(*partition), offset)
        self.positions[partition] = offset


def topic_identities(bootstrap: str, topics: Sequence[str]) -> dict[str, str]:
    """Return what tells topics from others of the same name.

    Raises
    ------
    LogError
        If a topic does not exist.
    KafkaError
        If Kafka cannot be reached.
    """
    admin = open_client(KafkaAdminClient, bootstrap_servers=bootstrap.split(","), bootstrap_timeout_ms=REACH_MS)
    try:
        described = admin.describe_topics(list(topics))
    finally:
        admin.close()
    found = {each["name"]: str(each["topic_id"]) for each in described if not each["error_code"]}
    for topic in topics:
        if topic not in found:
            raise LogError(f"Kafka has no topic {topic}; `har topics` creates it")
    return found
