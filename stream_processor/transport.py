"""Faust's Kafka transport with a configurable fetch wait, and access to the consumer's offsets.

A fetch that finds no message waits at the broker. Faust fixes this wait at 1.5 s. Apache Kafka answers as soon as there
is a message. The embedded broker checks only a few times within the wait, so there the wait adds latency.
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
    """Set an app's transport, before it starts, to one whose fetches wait at most `fetch_wait_ms`."""
    app.transport = Transport(app, fetch_wait_ms)


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, with the transport's fetch wait."""

    def _create_worker_consumer(self, transport: "Transport") -> object:
        consumer = super()._create_worker_consumer(transport)
        # aiokafka reads this when it starts; Faust has no setting for it.
        consumer._fetch_max_wait_ms = transport.fetch_wait_ms
        return consumer


class Consumer(driver.Consumer):
    """Faust's consumer, with access to the offsets of Kafka and of the group."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def log_offsets(self) -> dict[TP, LogOffsets]:
        """Request the offsets of each assigned partition from Kafka, through the consumer's thread.

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
    """

    Consumer = Consumer

    def __init__(self, app: faust.App, fetch_wait_ms: int) -> None:
        super().__init__(app.conf.broker_consumer, app)
        self.fetch_wait_ms = fetch_wait_ms
