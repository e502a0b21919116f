"""What Kafka says of the log of each assigned partition, asked every few seconds.

It is asked apart from the fetches, and through the consumer's own thread and connections: a consumer that has
stopped fetching cannot hide that there is something to fetch, nor one whose thread hangs that it does.
"""

import asyncio
import logging

import faust
from aiokafka.errors import KafkaError
from msgspec.structs import replace

from stream_processor.kafka_messages import PartitionName
from stream_processor.progress import PartitionProgress
from stream_processor.transport import LogOffsets

log = logging.getLogger(__name__)

ASK_SECONDS = 5.0


class LogView:
    """Keeps the offsets that Kafka tells.

    Parameters
    ----------
    app : faust.App
        Whose consumer is asked.
    """

    def __init__(self, app: faust.App) -> None:
        self._app = app
        self._offsets: dict[PartitionName, LogOffsets] = {}
        self.answers = 0

    async def watch(self) -> None:
        """Ask until cancelled."""
        while True:
            try:
                told = await self._app.consumer.log_offsets()
            except KafkaError as error:
                log.info("Kafka does not tell where the log ends: %r", error)
            else:
                self._offsets = {PartitionName(tp.topic, tp.partition): offsets for tp, offsets in told.items()}
                self.answers += 1
            await asyncio.sleep(ASK_SECONDS)

    def join(self, taken: dict[PartitionName, PartitionProgress]) -> list[PartitionProgress]:
        """Return the progress of each assigned partition: what Kafka told and what the pipeline knows."""
        joined = []
        for tp in sorted(self._app.consumer.assignment()):
            name = PartitionName(tp.topic, tp.partition)
            offsets = self._offsets.get(name)
            known = taken.get(name, PartitionProgress(str(name)))
            if offsets is not None:
                known = replace(known, begin=offsets.begin, end=max(offsets.end, known.taken_until or 0))
            joined.append(replace(known, committed=self._app.consumer.committed(tp)))
        return joined
