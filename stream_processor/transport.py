"""Faust's Kafka transport with a configurable fetch wait, and access to the consumer's offsets.

A fetch that finds no message waits at the broker. Faust fixes this wait at 1.5 s. Apache Kafka answers as soon as there
is a message. The embedded broker checks only a few times within the wait, so there the wait adds latency.
"""

import logging
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic
from typing import NamedTuple

import faust
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, UnknownTopicOrPartitionError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from stream_processor.damaged_files import read_damaged_files
from stream_processor.done_ahead import DoneAhead
from stream_processor.fetched_batches import pass_unreadable_batches
from stream_processor.log_changes import LogWatch, OnLost
from stream_processor.reading_start import Start

log = logging.getLogger(__name__)


class LogOffsets(NamedTuple):
    """A partition's first offset, and the one after its last."""

    begin: int
    end: int


def use_transport(app: faust.App, *, fetch_wait_ms: int, on_lost: OnLost) -> None:
    """Set an app's transport before it starts; see `Transport`."""
    pass_unreadable_batches()
    app.transport = Transport(app, fetch_wait_ms, on_lost)


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, with the transport's fetch wait; it notices logs that were cut short or replaced."""

    _watch: LogWatch | None = None

    def _create_worker_consumer(self, transport: "Transport") -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # aiokafka reads this when it starts; Faust has no setting for it.
        consumer._fetch_max_wait_ms = transport.fetch_wait_ms
        read_damaged_files(consumer)
        self._watch = LogWatch(consumer, transport.on_lost)
        return consumer

    async def seek_to_committed(self) -> Mapping[TP, int | None]:
        """Seek to the committed offsets, or to the beginning of a topic that is not the one they were committed for."""
        offsets: Mapping[TP, int | None] = await self.call_thread(self._seek_to_committed)
        return offsets

    async def _seek_to_committed(self) -> Mapping[TP, int | None]:
        assert self._watch is not None
        offsets = await self._watch.seek_to_committed()
        return {TP(partition.topic, partition.partition): offset for partition, offset in offsets.items()}

    def partition_count(self, topic: str) -> int:
        """Return the number of a topic's partitions, as of the latest metadata; 0 if there is no such topic."""
        partitions: set[int] | None = self._ensure_consumer()._client.cluster.partitions_for_topic(topic)
        return len(partitions or ())

    async def look_for_changes(self) -> None:
        """Join the group anew, and so read anew, if a log was cut short or replaced."""
        assert self._watch is not None
        await self.call_thread(self._watch.look)

    def start_of(self, tp: TP) -> Start | None:
        """Return where reading a partition began since its assignment; None before."""
        return None if self._watch is None else self._watch.starts.get(driver.ensure_aiokafka_TP(tp))

    async def read_anew(self) -> None:
        """Join the group anew, and so read every partition again from its committed offset."""
        await self.call_thread(self._read_anew)

    async def _read_anew(self) -> None:
        assert self._watch is not None
        self._watch.read_anew()

    async def note_done(self, done: Mapping[TP, DoneAhead], generation: int) -> None:
        """Keep what is done beyond the committed offsets with them, unless it is from another generation."""
        by_partition = {driver.ensure_aiokafka_TP(tp): ahead for tp, ahead in done.items()}
        await self.call_thread(self._note_done, by_partition, generation)

    async def _note_done(self, done: Mapping[TopicPartition, DoneAhead], generation: int) -> None:
        assert self._watch is not None
        await self._watch.commits.note(done, generation)

    async def log_offsets(self) -> dict[TP, tuple[int, int]]:
        """Request the first offset of each assigned partition, and the one after its last."""
        assert self._watch is not None
        offsets = await self.call_thread(self._watch.log_offsets)
        return {TP(partition.topic, partition.partition): found for partition, found in offsets.items()}

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        assert self._watch is not None
        by_partition = {driver.ensure_aiokafka_TP(tp): offset for tp, offset in offsets.items()}
        try:
            if not await self._watch.commits.commit(by_partition):  # all were revoked meanwhile
                return False
        except (CommitFailedError, UnknownTopicOrPartitionError) as error:
            log.info("Kafka rejected a commit: the partitions are another worker's, or were deleted (%r)", error)
            return False
        except Exception as error:
            log.exception("Kafka did not commit %s", offsets)
            await self.crash(error)
            return False
        self.tp_last_committed_at.update(dict.fromkeys(offsets, monotonic()))
        return True


class Consumer(driver.Consumer):
    """Faust's consumer, with access to the offsets of Kafka and of the group."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def look_for_changes(self) -> None:
        """Join the group anew, and so read anew, if the log of an assigned partition was cut short or replaced.

        Raises
        ------
        aiokafka.errors.KafkaError, TimeoutError
            If Kafka does not answer.
        stream_processor.log_changes.FetchingEndedError
            If the consumer fetches no more.
        """
        await self._thread.look_for_changes()

    def partition_count(self, topic: str) -> int:
        """Return the number of a topic's partitions, as of the latest metadata; 0 if there is no such topic."""
        # Faust's `topic_partitions` knows it in the group's leader only.
        count: int = self._thread.partition_count(topic)
        return count

    def start_of(self, tp: TP) -> Start | None:
        """Return where reading a partition began since its assignment; None before."""
        start: Start | None = self._thread.start_of(tp)
        return start

    async def read_anew(self) -> None:
        """Join the group anew, and so read every partition again from its committed offset."""
        await self._thread.read_anew()

    async def note_done(self, done: Mapping[TP, DoneAhead], generation: int) -> None:
        """Keep what is done beyond the committed offsets with them, unless it is from another generation.

        Raises
        ------
        aiokafka.errors.KafkaError
            If Kafka does not accept it.
        """
        await self._thread.note_done(done, generation)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: the pipeline acknowledges events in order, so offsets without a message need no account."""

    def _new_offset(self, tp: TP) -> int | None:
        # Faust would commit past a gap of offsets with the message after it, and list each offset of the gap. Here
        # acknowledgements come in order, so the newest one states everything.
        acked = self._acked[tp]
        if not acked:
            return None
        newest: int = max(acked)
        acked.clear()
        self._acked_index[tp].clear()
        return newest + 1

    async def log_offsets(self) -> dict[TP, LogOffsets]:
        """Request the offsets of each assigned partition from Kafka, through the consumer's thread.

        Raises
        ------
        aiokafka.errors.KafkaError, TimeoutError
            If Kafka does not answer.
        """
        offsets = await self._thread.log_offsets()
        return {tp: LogOffsets(begin, max(end, self._fetched_end(tp))) for tp, (begin, end) in offsets.items()}

    def committed(self, tp: TP) -> int | None:
        """Return the group's committed offset, as this worker last committed or found it; None if unknown."""
        offset: int | None = self._committed_offset.get(tp)
        return offset

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        before = {tp: self._committed_offset.get(tp) for tp in offsets}
        did_commit: bool = await super()._commit_offsets(offsets, start_new_transaction)
        if not did_commit:
            # Faust records a rejected commit as done, so the liveness check would miss commits that always fail.
            # Keep an offset that a rebalance has read meanwhile.
            for tp, offset in offsets.items():
                if self._committed_offset.get(tp) == offset:
                    self._committed_offset[tp] = before[tp]
        return did_commit

    def _fetched_end(self, tp: TP) -> int:
        # The embedded broker reports an end that is too low; the end in its fetch responses is right.
        # Either error occurs while the consumer's thread revokes the partition.
        with suppress(AssertionError, AttributeError):
            return self.highwater(tp) or 0
        return 0


class Transport(driver.Transport):
    """Faust's transport with this module's consumer.

    Parameters
    ----------
    app : faust.App
        The app that uses the transport.
    fetch_wait_ms : int
        Longest wait of a fetch, ms.
    on_lost : callable
        Called with the number of messages that Kafka deleted before they were read, in the consumer's thread.
    """

    Consumer = Consumer

    def __init__(self, app: faust.App, fetch_wait_ms: int, on_lost: OnLost) -> None:
        super().__init__(app.conf.broker_consumer, app)
        self.fetch_wait_ms = fetch_wait_ms
        self.on_lost = on_lost
