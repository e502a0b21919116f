"""The first and last offset of each assigned partition, requested from Kafka every few seconds.

The requests are separate from the fetches, so that a consumer that stopped fetching is noticed. They use the consumer's
own thread and connections, so that a thread that hangs is noticed too.
"""

import asyncio
import logging

import faust
from aiokafka.errors import KafkaError
from faust.exceptions import ConsumerNotStarted
from msgspec.structs import replace

from har import topics
from har.process.kafka_clients import Partition
from har.process.kafka_reading import MissingTopicError
from stream_processor.progress import PartitionProgress
from stream_processor.transport import LogOffsets

log = logging.getLogger(__name__)

ASK_SECONDS = 5.0


class LogView:
    """Keeps the latest offsets that Kafka has reported; `answers` counts Kafka's replies.

    Parameters
    ----------
    app : faust.App
        The app whose consumer sends the requests.
    """

    def __init__(self, app: faust.App) -> None:
        self._app = app
        self._offsets: dict[Partition, LogOffsets] = {}
        self.answers = 0

    async def watch(self) -> None:
        """Request the offsets until cancelled."""
        while True:
            try:
                reported = await self._app.consumer.log_offsets()
                self._offsets = {Partition(tp.topic, tp.partition): offsets for tp, offsets in reported.items()}
                self.answers += 1
                await self._app.consumer.look_for_changes()
            except (KafkaError, TimeoutError) as error:
                log.info("Kafka did not report the offsets of its log, or its topics: %r", error)
            await asyncio.sleep(ASK_SECONDS)

    def nothing_to_read(self) -> str | None:
        """Return why the group has nothing to read; None if this worker or, with many workers, others have it all."""
        consumer = self._app.consumer
        try:
            if consumer.assignment() or consumer.partition_count(topics.SAMPLES.name):
                return None
        except ConsumerNotStarted:
            return "the worker is starting"
        return str(MissingTopicError(topics.SAMPLES.name))

    def join(self, in_memory: dict[Partition, PartitionProgress]) -> list[PartitionProgress]:
        """Return the progress of each assigned partition, from Kafka's offsets and the pipeline's own progress."""
        try:
            assigned = self._app.consumer.assignment()
        except ConsumerNotStarted:  # a page is requested while the worker starts
            return []
        joined = []
        for tp in sorted(assigned):
            name = Partition(tp.topic, tp.partition)
            offsets = self._offsets.get(name)
            known = in_memory.get(name, PartitionProgress(str(name)))
            if offsets is not None:
                known = replace(known, begin=offsets.begin, end=max(offsets.end, known.taken_until or 0))
            joined.append(replace(known, committed=self._app.consumer.committed(tp)))
        return joined
