"""Faust's Kafka transport with a fetch wait of our choice, and a view of where its consumer stands.

A fetch that finds nothing waits at the broker for news. Faust fixes that wait at 1.5 s. Apache Kafka answers
as soon as there is news, but the embedded broker looks for it only a few times within the wait, so that the
wait is latency there.
"""

from contextlib import suppress
from typing import NamedTuple

import faust
from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP


class LogOffsets(NamedTuple):
    """A partition's offsets as the consumer knows them; None while it does not."""

    end: int | None
    committed: int | None


def use_fetch_wait(app: faust.App, milliseconds: int) -> None:
    """Give an app, before it starts, a transport whose fetches wait at most so long for news."""

    class ConsumerThread(driver.AIOKafkaConsumerThread):
        def _create_worker_consumer(self, transport: driver.Transport) -> object:
            consumer = super()._create_worker_consumer(transport)
            # Read by aiokafka when it starts; Faust passes no setting on to it.
            consumer._fetch_max_wait_ms = milliseconds
            return consumer

    class Consumer(driver.Consumer):
        def _new_consumer_thread(self) -> ConsumerThread:
            return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

        def log_offsets(self) -> dict[TP, LogOffsets]:
            """Return where the log of each assigned partition ends and what the group has committed."""
            consumer = self._thread._consumer
            if consumer is None:
                return {}
            # The consumer lives in a thread of its own, which may be taking this assignment away just now.
            with suppress(IllegalStateError):
                return {
                    tp: LogOffsets(consumer.highwater(tp), self._committed_offset.get(tp)) for tp in self.assignment()
                }
            return {}

    class Transport(driver.Transport):
        pass

    Transport.Consumer = Consumer
    app.transport = Transport(app.conf.broker_consumer, app)
