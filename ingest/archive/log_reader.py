"""Reading Kafka's topics from given offsets, without a consumer group: the archive stores the offsets itself."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, LogTruncationError, OffsetOutOfRangeError

from har.process.kafka_clients import KafkaRecord, KafkaRefusedError, Partition, open_client, open_reader
from har.process.kafka_connection import KafkaConnection
from har.process.kafka_probe import KafkaUnreachableError
from har.process.kafka_reading import MissingTopicError

log = logging.getLogger(__name__)

POLL_MS = 200
FETCH_WAIT_MS = 100
MAX_RECORDS = 500
#: How long the admin client waits for Kafka, ms.
REACH_MS = 10_000


class LogError(RuntimeError):
    """Raised if Kafka cannot be read; the message gives the reason and what to do."""


@dataclass
class Lost:
    """Messages that Kafka deleted before they were read.

    Attributes
    ----------
    messages : int
        Number of lost offsets.
    """

    messages: int = 0


class LogReader:
    """Reads all partitions of some topics, each from a given offset.

    Parameters
    ----------
    kafka : KafkaConnection
        How to connect to Kafka.
    topics : sequence of str
        Names of the topics.

    Attributes
    ----------
    identities : dict of str to str
        The identity of each topic, see `topic_identities`, when reading began.
    positions : dict of Partition to int
        The next offset to read.
    lost : Lost
        Count of messages that Kafka deleted before they were read.

    Raises
    ------
    LogError
        If Kafka is unreachable.
    MissingTopicError
        If a topic does not exist.
    """

    def __init__(self, kafka: KafkaConnection, topics: Sequence[str]) -> None:
        self._kafka = kafka
        self._topics = topics
        self.positions: dict[Partition, int] = {}
        self.lost = Lost()
        try:
            self.identities: dict[str, str] = {}
            self.look_up_topics()
            self._consumer = open_reader(
                KafkaConsumer,
                kafka,
                fetch_wait_ms=FETCH_WAIT_MS,
                max_records=MAX_RECORDS,
                reset="none",
                reconnect_backoff_max_ms=1_000,
            )
        except KafkaError as error:
            raise LogError(
                f"cannot reach Kafka at {kafka}: {error}; is it running, and is --bootstrap right?"
            ) from error
        except (KafkaRefusedError, KafkaUnreachableError) as error:
            raise LogError(str(error)) from error

    def close(self) -> None:
        """Close the connection to Kafka."""
        self._consumer.close()

    def look_up_topics(self) -> None:
        """Request the topics' identities, before reading begins anew.

        Raises
        ------
        MissingTopicError
            If a topic does not exist.
        KafkaError
            If Kafka cannot be reached.
        """
        self.identities = topic_identities(self._kafka, self._topics)

    def has_changed(self) -> bool:
        """Return whether topics were created anew, or have other partitions than those that are read.

        A topic that was deleted counts once it exists again.
        """
        cluster = self._consumer._cluster
        current = {topic: cluster.partitions_for_topic(topic) for topic in self._topics}
        if not all(current.values()):
            return False
        partitions = {Partition(topic, number) for topic, numbers in current.items() for number in numbers}
        identities = {topic: str(cluster.topic_id(topic) or self.identities[topic]) for topic in self._topics}
        return partitions != set(self.positions) or identities != self.identities

    def begin(self, offsets: Mapping[Partition, int | None]) -> None:
        """Seek to the given offsets; to Kafka's first offset where the offset is None or was deleted.

        Raises
        ------
        KafkaError
            If Kafka does not answer.
        """
        partitions = [TopicPartition(*partition) for partition in offsets]
        self._consumer.assign(partitions)
        self.positions.clear()
        first = self._consumer.beginning_offsets(partitions)
        for partition, offset in offsets.items():
            begin = first[TopicPartition(*partition)]
            if offset is not None and offset < begin:
                self._count_lost(partition, offset, begin)
            self._seek(partition, begin if offset is None else max(offset, begin))

    def partitions(self) -> list[Partition]:
        """Return all current partitions of the topics."""
        return [
            Partition(topic, number)
            for topic in self._topics
            for number in sorted(self._consumer.partitions_for_topic(topic) or ())
        ]

    def poll(self) -> list[KafkaRecord]:
        """Return the next messages, in order within each partition; none if there is none for `POLL_MS`.

        Raises
        ------
        KafkaError
            If Kafka returns an error.
        """
        try:
            polled = self._consumer.poll(timeout_ms=POLL_MS)
        except OffsetOutOfRangeError as error:
            self._recover({Partition(*failed): None for failed in error.args[0]})
            return []
        except LogTruncationError as error:
            # An offset is where the log still is what was read; None if Kafka does not know.
            ends = error.divergent_offsets.items()
            self._recover({Partition(*failed): None if end is None else end.offset for failed, end in ends})
            return []
        self._restart_replaced()
        records = [record for records in polled.values() for record in records]
        for record in records:
            self.positions[Partition(record.topic, record.partition)] = record.offset + 1
        return records

    def end(self, partition: Partition) -> int | None:
        """Return the offset after a partition's last message as of the last fetch; None before the first fetch."""
        end: int | None = self._consumer.highwater(TopicPartition(*partition))
        return end

    def _recover(self, cut: Mapping[Partition, int | None]) -> None:
        """Continue where Kafka's log begins, or where it was cut."""
        first = self._consumer.beginning_offsets([TopicPartition(*partition) for partition in cut])
        for partition, end in cut.items():
            begin, position = first[TopicPartition(*partition)], self.positions[partition]
            if end is not None and position <= end:
                continue  # reading has begun anew since Kafka noticed
            resume = begin if end is None else max(begin, end)
            if position < begin:
                self._count_lost(partition, position, begin)
            else:
                self._log_cut(partition, position, resume)
            self._seek(partition, resume)

    def _restart_replaced(self) -> None:
        """Restart partitions that end before their position; not every broker reports a fetch beyond the end."""
        for partition, position in list(self.positions.items()):
            end = self.end(partition)
            if end is not None and end < position:
                begin = self._consumer.beginning_offsets([TopicPartition(*partition)])[TopicPartition(*partition)]
                self._log_cut(partition, position, begin)
                self._seek(partition, begin)

    def _log_cut(self, partition: Partition, position: int, begin: int) -> None:
        log.error("%s ends before offset %d, which was read: the log was cut, or the topic created anew; reading it "
                  "from offset %d", partition, position, begin)  # fmt: skip

    def _count_lost(self, partition: Partition, offset: int, begin: int) -> None:
        self.lost.messages += begin - offset
        log.error(
            "LOST: Kafka has deleted %d messages of %s before they were archived (offsets %d to %d). Run the archiver "
            "without long breaks, or increase Kafka's retention (retention.ms); continuing from offset %d",
            begin - offset, partition, offset, begin - 1, begin,
        )  # fmt: skip

    def _seek(self, partition: Partition, offset: int) -> None:
        self._consumer.seek(TopicPartition(*partition), offset)
        self.positions[partition] = offset


def topic_identities(kafka: KafkaConnection, topics: Sequence[str]) -> dict[str, str]:
    """Return the topic IDs, by name; a topic that is created anew gets another ID.

    Raises
    ------
    MissingTopicError
        If a topic does not exist.
    KafkaError
        If Kafka cannot be reached.
    """
    admin = open_client(KafkaAdminClient, kafka, bootstrap_timeout_ms=REACH_MS)
    try:
        described = admin.describe_topics(list(topics))
    finally:
        admin.close()
    found = {topic["name"]: str(topic["topic_id"]) for topic in described if not topic["error_code"]}
    for topic in topics:
        if topic not in found:
            raise MissingTopicError(topic)
    return found
