"""The path of a batch through the processor, from the log to an acknowledged offset.

`StreamPipeline.take` decodes a message and adds it to its session. The result (windows to classify, messages to reject,
finished offsets) is one piece of `Work` in a bounded queue. A single task classifies and publishes in the order of the
queue. The finished offsets reach the ledger only after Kafka has confirmed everything in the piece of work. An offset
is therefore never acknowledged before the windows that needed it are published.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from har import topics
from har.batch_runs import Assembled
from har.binary_samples import decode_batch
from har.comparisons import Comparison
from har.predictions import LiveUpdate, Prediction
from har.process.clock import now_us
from har.process.kafka_clients import Partition
from har.process.unreadable_batch import UnreadableBatch
from har.rejections import RejectedMessage, Rejection
from har.time_units import MICROSECONDS
from stream_processor.assigned_partition import AssignedPartition
from stream_processor.classification import Classifier
from stream_processor.done_ahead import DoneAhead
from stream_processor.judging import Judging
from stream_processor.kafka_messages import (
    KafkaEvent,
    LogMessage,
    Publisher,
    carried_messages,
    comparison_message,
    prediction_message,
    rejection_message,
)
from stream_processor.ledger import PartitionLedger
from stream_processor.live_state import LiveStateWriter
from stream_processor.metrics import ProcessorMetrics
from stream_processor.progress import PartitionProgress
from stream_processor.reading_start import ReadingStart
from stream_processor.reference_book import ReferenceBook
from stream_processor.sessions import Position, SessionBook, SessionKey
from stream_processor.settings import ProcessorSettings
from stream_processor.work import SentWork, Work

log = logging.getLogger(__name__)

SWEEP_SECONDS = 1.0
MAX_UNCONFIRMED_GROUPS = 4


class StreamPipeline:
    """Processes messages in the order of the log and acknowledges them when they are done.

    Parameters
    ----------
    settings : ProcessorSettings
        Limits and times.
    classifier : Classifier
        Classifies windows, each by the release that applies to it.
    publish : Publisher
        Sends messages to Kafka.
    live : LiveStateWriter
        Writes live updates to Redis.
    metrics : ProcessorMetrics
        Counts messages, windows and rejections.
    reading_start : ReadingStart
        Decides whether a partition is read from where it has to be.
    judging : Judging
        Uses the upright reference of each window's session.
    """

    def __init__(
        self,
        settings: ProcessorSettings,
        classifier: Classifier,
        publish: Publisher,
        live: LiveStateWriter,
        metrics: ProcessorMetrics,
        reading_start: ReadingStart,
        judging: Judging,
    ) -> None:
        self._settings = settings
        self._classifier = classifier
        self._publish = publish
        self._live = live
        self._metrics = metrics
        self._reading_start = reading_start
        self._judging = judging
        self._partitions: dict[Partition, AssignedPartition] = {}
        self._queue: asyncio.Queue[Work] = asyncio.Queue(maxsize=settings.max_waiting_batches)
        self._sent: asyncio.Queue[SentWork] = asyncio.Queue(maxsize=MAX_UNCONFIRMED_GROUPS)

    def forget_partitions(self, revoked: set[Partition]) -> None:
        """Drop the state of revoked partitions; another worker reads them from now on."""
        for name in revoked:
            partition = self._partitions.pop(name, None)
            if partition is not None:
                partition.assigned = False
                log.info("dropped partition %s with %d unacknowledged events", name, len(partition.ledger))

    async def take(self, message: LogMessage, event: KafkaEvent) -> None:
        """Process the next message of a partition; wait while the queue of work is full.

        A message that was already processed in the same generation is ignored: its effect is in memory.
        """
        partition = self._partitions.get(message.partition)
        if partition is None or partition.generation != message.generation:
            self.forget_partitions({message.partition})
            if not await self._reading_start.accepts(message):
                self._metrics.offset_gaps.inc()
                return
            partition = self._partitions[message.partition] = self._new_partition(message)
        highest = partition.ledger.highest
        if highest is not None and message.offset <= highest:
            self._metrics.reread.inc()
            return
        if highest is not None and message.first_offset > highest + 1:
            self._metrics.offset_gaps.inc()
            log.error("%s skips from offset %d to %d", message.partition, highest, message.first_offset)
        self._metrics.batches.inc()
        if partition.receive(message, event):
            await self._enqueue(self._process(partition, message))
        else:
            self._metrics.done_before.inc()

    def progress(self) -> dict[Partition, PartitionProgress]:
        """Return the progress of each partition in memory, without what only Kafka knows."""
        return {name: partition.progress() for name, partition in self._partitions.items()}

    def done_ahead(self, generation: int) -> dict[Partition, DoneAhead]:
        """Return what is done beyond its first message that is not, for each partition of a generation."""
        return {
            name: partition.done_ahead()
            for name, partition in self._partitions.items()
            if partition.generation == generation
        }

    async def _enqueue(self, work: Work) -> None:
        if work.windows or work.finished or work.rejections or work.carried:
            work.partition.unconfirmed += 1
            await self._queue.put(work)

    async def run(self, stop_on_error: Callable[[BaseException], Awaitable[None]]) -> None:
        """Classify and publish until cancelled.

        If a message cannot be published, its work is not acknowledged and `stop_on_error` is called. Another worker
        then reads it again.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._live.run())
                tasks.create_task(self._sweep_forever())
                tasks.create_task(self._classify_forever())
                tasks.create_task(self._confirm_forever())
        except* Exception as errors:
            log.error("the pipeline stopped; unacknowledged messages will be read again", exc_info=errors)
            await stop_on_error(errors)

    def _new_partition(self, first: LogMessage) -> AssignedPartition:
        settings = self._settings
        sessions = SessionBook(
            self._classifier.spec,
            grace_us=round(settings.grace_seconds * MICROSECONDS),
            carry_seconds=settings.carry_seconds,
            forget_seconds=settings.forget_seconds,
            hold_seconds=settings.hold_seconds,
            max_sessions=settings.max_sessions,
        )
        references = ReferenceBook(
            self._classifier.spec.length_us,
            max_sessions=settings.max_sessions,
            begins_anew=self._reading_start.begins_anew(first.partition),
        )
        done = self._reading_start.done_before(first.partition)
        return AssignedPartition(first.partition, first.generation, PartitionLedger(), sessions, references, done)

    def _process(self, partition: AssignedPartition, message: LogMessage) -> Work:
        if isinstance(message.value, UnreadableBatch):
            return self._unreadable(partition, message, message.value)
        value = message.value or b""
        try:
            batch = decode_batch(value)
            if message.key != batch.device.encode():
                detail = f"the Kafka key is {message.key!r}, but the batch is from {batch.device!r}"
                raise RejectedMessage("key", detail)
        except RejectedMessage as rejected:
            rejection = self._rejection(message, rejected, None)
            return Work(partition, finished=[message.offset], rejections=[rejection])
        position = Position(message.offset, message.arrived)
        key = SessionKey(batch.device, batch.session)
        partition.references.receive(key, batch, message.arrived, message.judged_windows)
        result = partition.sessions.add(batch, position, silent_seconds=message.silent_seconds)
        work = self._work(partition, key, result)
        if result.rejected is not None:
            work.rejections.append(self._rejection(message, result.rejected, batch.device))
        return work

    def _work(self, partition: AssignedPartition, key: SessionKey, result: Assembled[Position]) -> Work:
        self._metrics.repeats.inc(result.repeats)
        self._metrics.conflicts.inc(result.conflicts)
        partition.references.await_windows(key, len(result.windows))
        return Work(
            partition,
            windows=[(key, window) for window in result.windows],
            finished=[position.offset for position in result.finished],
        )

    def _unreadable(self, partition: AssignedPartition, message: LogMessage, batch: UnreadableBatch) -> Work:
        rejection = batch.rejection(*message.partition, "processor")
        self._metrics.rejected.labels(rejection.code).inc(rejection.offsets)
        log.error(
            "skipped messages of %s: %s; its bytes are on %s", message.partition, batch.detail, topics.REJECTED.name
        )
        return Work(partition, finished=[message.offset], rejections=[rejection])

    def _rejection(self, message: LogMessage, rejected: RejectedMessage, device: str | None) -> Rejection:
        self._metrics.rejected.labels(rejected.code).inc()
        return message.rejection(rejected, device)

    async def _classify_forever(self) -> None:
        while True:
            group = await self._judging.prepare(await self._next_group())
            windows = [window for work in group for window in work.windows]
            classified = await self._classifier.classify(windows)
            predictions = self._judging.judge(group, classified)
            confirmations = await self._send(group, predictions, classified.comparisons)
            titles = [made.kind_title(each.kind) for made, each in zip(classified.manifests, predictions, strict=True)]
            await self._sent.put(SentWork(group, windows, predictions, titles, confirmations))

    async def _next_group(self) -> list[Work]:
        """Wait for work, then take all queued work, up to one call of the network."""
        group = [await self._queue.get()]
        windows = len(group[0].windows)
        while windows < self._settings.classify_batch and not self._queue.empty():
            group.append(self._queue.get_nowait())
            windows += len(group[-1].windows)
        return group

    async def _send(
        self, group: list[Work], predictions: list[Prediction], comparisons: list[Comparison]
    ) -> list[Awaitable[object]]:
        messages = [prediction_message(prediction) for prediction in predictions]
        messages += [comparison_message(comparison) for comparison in comparisons]
        for work in group:
            messages += [rejection_message(rejection) for rejection in work.rejections]
            judged = self._judging.needed_with(work)
            messages += carried_messages(work.partition.name, work.carried, work.silent_seconds, judged)
            self._metrics.carried.inc(len(work.carried))
        return [await self._publish(message) for message in messages]

    async def _confirm_forever(self) -> None:
        # Confirm in the order of sending: a finished offset requires that all earlier windows are published.
        while True:
            sent = await self._sent.get()
            await asyncio.gather(*sent.confirmations)
            published = now_us()
            self._metrics.windows.inc(len(sent.predictions))
            self._metrics.personal_windows.inc(sum(made.personal is not None for made in sent.predictions))
            for (_, window), prediction, title in zip(sent.windows, sent.predictions, sent.titles, strict=True):
                if prediction.reason is not None:
                    self._metrics.unclassified.labels(prediction.reason).inc()
                self._metrics.latency.observe(max(0, published - prediction.arrived) / MICROSECONDS)
                self._live.offer(LiveUpdate(prediction, published, self._classifier.trace(window), title))
            for work in sent.group:
                self._acknowledge(work)

    def _acknowledge(self, work: Work) -> None:
        work.partition.unconfirmed -= 1
        work.partition.confirmed += 1
        if not work.partition.assigned:
            return
        work.partition.finish(work.finished)

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for name, partition in list(self._partitions.items()):
                for silent in partition.sessions.sweep():
                    work = self._work(partition, silent.key, silent.result)
                    work.carried, work.silent_seconds = silent.carried, silent.seconds
                    await self._enqueue(work)
                self._metrics.held.labels(str(name)).set(len(partition.ledger))
            self._metrics.sessions.set(sum(len(p.sessions) for p in self._partitions.values()))
            self._judging.forget(self._partitions.values())
