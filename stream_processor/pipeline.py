"""The way of a batch through the processor, from the log to an acknowledged offset.

`StreamPipeline.take` decodes a message and adds it to its session; what that brings about (windows to
classify, messages to refuse, offsets that are finished) goes as one piece of `_Work` through a bounded
queue. A single task classifies and publishes in that order. Only when Kafka has confirmed everything in a
piece of work do its finished offsets reach the ledger: an offset is never acknowledged before the windows
that needed it are out.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Protocol

from har import topics
from har.assembly import Assembled, ClosedWindow
from har.predictions import LiveUpdate, Prediction, encode_prediction
from har.refusals import Refusal
from har.samples import RejectedBatch, decode_batch
from har.settings import ProcessorSettings
from har.windows import MICROSECONDS
from stream_processor.classification import Classifier
from stream_processor.ledger import PartitionLedger
from stream_processor.live_state import LiveState
from stream_processor.measures import ProcessorMeasures
from stream_processor.sessions import Position, SessionBook, SessionKey

log = logging.getLogger(__name__)

SWEEP_SECONDS = 1.0
MAX_UNCONFIRMED_GROUPS = 4

Windows = list[tuple[SessionKey, ClosedWindow[Position]]]


class KafkaEvent(Protocol):
    """What this module needs of a Faust event."""

    def ack(self) -> bool:
        """Acknowledge the event."""


class Publisher(Protocol):
    """Sends a message to Kafka; the awaitable it gives is done when the brokers have confirmed it."""

    async def __call__(
        self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]] | None = None
    ) -> Awaitable[object]:
        """Hand the message to the producer."""


@dataclass
class _Partition:
    """What is in memory for one assigned partition."""

    generation: int
    ledger: PartitionLedger[KafkaEvent]
    sessions: SessionBook
    assigned: bool = True


@dataclass
class _Work:
    partition: _Partition
    windows: Windows = field(default_factory=list)
    finished: list[int] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


@dataclass(frozen=True)
class _Sent:
    """Work that was handed to Kafka's producer and is not confirmed yet."""

    group: list[_Work]
    windows: Windows
    predictions: list[Prediction]
    confirmations: list[Awaitable[object]]


@dataclass(frozen=True)
class LogMessage:
    """A message as the log gives it.

    Attributes
    ----------
    partition : Hashable
        Which partition.
    generation : int
        The consumer group's generation in which it was read. A new generation reads a partition again from
        the committed offset, so state from before would be wrong.
    offset : int
        Its offset in the partition.
    key, value : bytes or None
        As they lie in Kafka.
    arrived : int
        When the gateway received it (the record's time), µs since the epoch.
    """

    partition: Hashable
    generation: int
    offset: int
    key: bytes | None
    value: bytes | None
    arrived: int


class StreamPipeline:
    """Takes messages in the order of the log and acknowledges them when they are done.

    Parameters
    ----------
    settings : ProcessorSettings
        Limits and times.
    classifier : Classifier
        The release in use.
    publish : Publisher
        Kafka.
    live : LiveState
        Redis.
    measures : ProcessorMeasures
        What is counted.
    """

    def __init__(
        self,
        settings: ProcessorSettings,
        classifier: Classifier,
        publish: Publisher,
        live: LiveState,
        measures: ProcessorMeasures,
    ) -> None:
        self._settings = settings
        self._classifier = classifier
        self._publish = publish
        self._live = live
        self._measures = measures
        self._partitions: dict[Hashable, _Partition] = {}
        self._queue: asyncio.Queue[_Work] = asyncio.Queue(maxsize=settings.max_waiting_windows)
        self._sent: asyncio.Queue[_Sent] = asyncio.Queue(maxsize=MAX_UNCONFIRMED_GROUPS)

    def forget_partitions(self, revoked: set[Hashable]) -> None:
        """Drop everything of partitions that another worker reads from now on."""
        for name in revoked:
            partition = self._partitions.pop(name, None)
            if partition is not None:
                partition.assigned = False
                log.info("partition %s given up with %d events held", name, len(partition.ledger))

    async def take(self, message: LogMessage, event: KafkaEvent) -> None:
        """Take the next message of a partition; waits while too many windows are unclassified."""
        self._measures.batches.inc()
        partition = self._partitions.get(message.partition)
        if partition is None or partition.generation != message.generation:
            self.forget_partitions({message.partition})
            partition = self._partitions[message.partition] = self._new_partition(message.generation)
        partition.ledger.receive(message.offset, event)
        work = self._process(partition, message)
        if work.windows or work.finished or work.refusals:
            await self._queue.put(work)

    async def run(self, stop_on_error: Callable[[BaseException], Awaitable[None]]) -> None:
        """Classify and publish until cancelled.

        What cannot be published is not acknowledged: `stop_on_error` is then called, and a new worker reads
        it again.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._live.run())
                tasks.create_task(self._sweep_forever())
                tasks.create_task(self._classify_forever())
                tasks.create_task(self._confirm_forever())
        except* Exception as errors:
            log.error("the pipeline stops; what is unacknowledged will be read again", exc_info=errors)
            await stop_on_error(errors)

    def _new_partition(self, generation: int) -> _Partition:
        settings = self._settings
        sessions = SessionBook(
            self._classifier.manifest.window_spec,
            grace_us=round(settings.grace_seconds * MICROSECONDS),
            idle_seconds=settings.idle_seconds,
            forget_seconds=settings.forget_seconds,
            max_sessions=settings.max_sessions,
        )
        return _Partition(generation, PartitionLedger(), sessions)

    def _process(self, partition: _Partition, message: LogMessage) -> _Work:
        value = message.value or b""
        try:
            batch = decode_batch(value)
            if message.key != batch.device.encode():
                raise RejectedBatch("key", f"the Kafka key is {message.key!r}, the batch is of {batch.device!r}")
        except RejectedBatch as rejected:
            refusal = self._refusal(message, rejected, None)
            return _Work(partition, finished=[message.offset], refusals=[refusal])
        key = SessionKey(batch.device, batch.session)
        try:
            step = partition.sessions.add(batch, Position(message.offset, message.arrived))
        except Exception as error:
            # A fault of ours: it must cost one session, not the partition that all its devices share.
            log.exception("session %s of %s is dropped", batch.session, batch.device)
            step = partition.sessions.discard(batch)
            step.finished.append(Position(message.offset, message.arrived))
            step.refused = RejectedBatch("internal", f"the processor failed on this batch: {error!r}")
        work = self._work(partition, key, step)
        if step.refused is not None:
            work.refusals.append(self._refusal(message, step.refused, batch.device))
        return work

    def _work(self, partition: _Partition, key: SessionKey, step: Assembled[Position]) -> _Work:
        self._measures.repeats.inc(step.repeats)
        self._measures.conflicts.inc(step.conflicts)
        return _Work(
            partition,
            windows=[(key, window) for window in step.windows],
            finished=[position.offset for position in step.finished],
        )

    def _refusal(self, message: LogMessage, rejected: RejectedBatch, device: str | None) -> Refusal:
        self._measures.refused.labels(rejected.code).inc()
        return Refusal(
            message.value or b"",
            rejected.code,
            rejected.detail,
            "processor",
            device,
            f"{message.partition}/{message.offset}",
        )

    async def _classify_forever(self) -> None:
        while True:
            group = await self._next_group()
            windows = [window for work in group for window in work.windows]
            predictions = await self._classifier.classify(windows) if windows else []
            confirmations = await self._send(group, predictions)
            await self._sent.put(_Sent(group, windows, predictions, confirmations))

    async def _next_group(self) -> list[_Work]:
        """Wait for work, then take all that is there, up to one call of the network."""
        group = [await self._queue.get()]
        windows = len(group[0].windows)
        while windows < self._settings.classify_batch and not self._queue.empty():
            group.append(self._queue.get_nowait())
            windows += len(group[-1].windows)
        return group

    async def _send(self, group: list[_Work], predictions: list[Prediction]) -> list[Awaitable[object]]:
        sent = [
            await self._publish(topics.PREDICTIONS.name, prediction.device.encode(), encode_prediction(prediction))
            for prediction in predictions
        ]
        for work in group:
            for refusal in work.refusals:
                sent.append(await self._publish(topics.REFUSED.name, refusal.key, refusal.value, refusal.headers))
        return sent

    async def _confirm_forever(self) -> None:
        # In the order of sending: a finished offset counts on all windows before it.
        while True:
            sent = await self._sent.get()
            await asyncio.gather(*sent.confirmations)
            published = time.time_ns() // 1000
            self._measures.windows.inc(len(sent.predictions))
            for (_, window), prediction in zip(sent.windows, sent.predictions, strict=True):
                self._measures.latency.observe(max(0, published - prediction.arrived) / MICROSECONDS)
                self._live.offer(LiveUpdate(prediction, published, self._classifier.trace(window)))
            for work in sent.group:
                self._acknowledge(work)

    def _acknowledge(self, work: _Work) -> None:
        if not work.partition.assigned:
            return
        for offset in work.finished:
            for event in work.partition.ledger.finish(offset):
                event.ack()

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for name, partition in list(self._partitions.items()):
                for key, step in partition.sessions.sweep():
                    await self._queue.put(self._work(partition, key, step))
                self._measures.held.labels(str(name)).set(len(partition.ledger))
            self._measures.sessions.set(sum(len(p.sessions) for p in self._partitions.values()))
