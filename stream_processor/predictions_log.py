"""The topic of predictions in Kafka, as it is read back by `stream_processor.earlier_predictions`."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from har import topics
from har.process.kafka_connection import KafkaConnection
from har.process.unreadable_batch import UnreadableBatch
from stream_processor.damaged_files import read_damaged_files
from stream_processor.fetched_batches import pass_unreadable_batches
from stream_processor.kafka_credentials import aiokafka_settings

#: Longest time without a message before the end of the log, s. Then another attempt begins.
SILENCE_SECONDS = 10.0
#: How long a fetch waits at the broker for messages, ms.
FETCH_WAIT_MS = 100
#: Most messages in one piece: more would delay the event loop.
MOST_AT_ONCE = 500


class KafkaPredictions:
    """Reads pieces of the topic of predictions.

    Parameters
    ----------
    kafka : KafkaConnection
        How to connect to Kafka.
    """

    def __init__(self, kafka: KafkaConnection) -> None:
        self._kafka = kafka
        self._consumer: AIOKafkaConsumer | None = None

    async def partitions(self) -> list[int]:
        """Return the numbers of the topic's partitions in their order; none if there is no such topic.

        Raises
        ------
        aiokafka.errors.KafkaError
            If Kafka does not answer.
        """
        consumer = await self._opened()
        cluster = await consumer._client.fetch_all_metadata()
        return sorted(cluster.partitions_for_topic(topics.PREDICTIONS.name) or ())

    async def end_of(self, partition: int) -> tuple[int, int]:
        """Return the first offset of a partition, and the one after its last as far as Kafka says.

        Raises
        ------
        aiokafka.errors.KafkaError, TimeoutError
            If Kafka does not answer.
        """
        consumer, tp = await self._opened(), TopicPartition(topics.PREDICTIONS.name, partition)
        consumer.assign([tp])
        async with asyncio.timeout(SILENCE_SECONDS):  # aiokafka waits much longer for a topic that was deleted
            begins, ends = await consumer.beginning_offsets([tp]), await consumer.end_offsets([tp])
        return begins[tp], ends[tp]

    async def read(self, partition: int, begin: int, end: int | None) -> list[bytes | None]:
        """Return the values of the messages from `begin` to below `end`, or to the end of the log.

        The end is the one that comes with the messages: the embedded broker reports a lower one on request.

        Raises
        ------
        aiokafka.errors.KafkaError
            If Kafka does not answer.
        TimeoutError
            If no message comes before the end.
        """
        consumer, tp = await self._opened(), TopicPartition(topics.PREDICTIONS.name, partition)
        consumer.seek(tp, begin)
        values: list[bytes | None] = []
        position, until = begin, end
        while until is None or position < until:
            found = await consumer.getmany(tp, timeout_ms=round(1_000 * SILENCE_SECONDS), max_records=MOST_AT_ONCE)
            records = found.get(tp, [])
            position = await consumer.position(tp)
            if until is None:
                until = consumer.highwater(tp)
            if not records and (until is None or position < until):
                raise TimeoutError(f"Kafka sent no message of {tp.topic}/{partition} from offset {position} on")
            values += [record.value for record in records if _is_within(record, until)]
        return values

    async def close(self) -> None:
        """Close the connection to Kafka, if there is one."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    async def _opened(self) -> AIOKafkaConsumer:
        if self._consumer is not None:
            return self._consumer
        pass_unreadable_batches()
        consumer = AIOKafkaConsumer(
            **aiokafka_settings(self._kafka),
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )
        read_damaged_files(consumer)
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        self._consumer = consumer
        return consumer


def _is_within(record: Any, until: int | None) -> bool:  # noqa: ANN401  (aiokafka's types)
    return not isinstance(record.value, UnreadableBatch) and (until is None or record.offset < until)
