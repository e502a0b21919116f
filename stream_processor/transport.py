"""Faust's Kafka transport with a fetch wait of our choice, and a view of where its consumer stands.

A fetch that finds nothing waits at the broker for news. Faust fixes that wait at 1.5 s. Apache Kafka answers
as soon as there is news, but the embedded broker looks for it only a few times within the wait, so that the
wait is latency there.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

import faust
from faust.transport.drivers import aiokafka as driver
from faust.types import TP


class LogOffsets(NamedTuple):
    """A partition's first offset, and the one after its last."""

    begin: int
    end: int


def use_transport(app: faust.App, *, fetch_wait_ms: int) -> None:
    """Give an app, before it starts, our transport, whose fetches wait at most so long for news."""

    class ConsumerThread(driver.AIOKafkaConsumerThread):
        def _create_worker_consumer(self, transport: driver.Transport) -> object:
            consumer = super()._create_worker_consumer(transport)
            # Read by aiokafka when it starts; Faust passes no setting on to it.
            consumer._fetch_max_wait_ms = fetch_wait_ms
            return consumer

    class Consumer(driver.Consumer):
        def _new_consumer_thread(self) -> ConsumerThread:
            return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

        async def log_offsets(self) -> dict[TP, LogOffsets]:
            """Ask Kafka, through the consumer's thread, for the offsets of each assigned partition.

            Raises
            ------
            aiokafka.errors.KafkaError
                If Kafka does not answer.
            """
            assigned = self.assignment()
            begins = await self.earliest_offsets(*assigned)
            ends = await self.highwaters(*assigned)
            return {tp: LogOffsets(begins[tp], max(ends[tp], self._fetched_end(tp))) for tp in assigned}

        def committed(self, tp: TP) -> int | None:
            """Return what the group has committed, as this worker last committed or found it."""
            offset: int | None = self._committed_offset.get(tp)
            return offset

        async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
            before = {tp: self._committed_offset.get(tp) for tp in offsets}
            did_commit: bool = await super()._commit_offsets(offsets, start_new_transaction)
            if not did_commit:
                # Faust notes a rejected commit as done, so liveness would never see commits that fail for good.
                # What a rebalance has found committed meanwhile stays.
                for tp, offset in offsets.items():
                    if self._committed_offset.get(tp) == offset:
                        self._committed_offset[tp] = before[tp]
            return did_commit

        def _fetched_end(self, tp: TP) -> int:
            # The embedded broker gives too low an end when asked; what fetches bring along is right on all.
            # The consumer's thread may just be taking the partition away, which shows as either error.
            with suppress(AssertionError, AttributeError):
                return self.highwater(tp) or 0
            return 0

    class Transport(driver.Transport):
        pass

    Transport.Consumer = Consumer
    app.transport = Transport(app.conf.broker_consumer, app)
