"""Faust's Kafka transport with a fetch wait of our choice.

A fetch that finds nothing waits at the broker for news. Faust fixes that wait at 1.5 s. Apache Kafka answers
as soon as there is news, but the embedded broker looks for it only a few times within the wait, so that the
wait is latency there.
"""

import faust
from faust.transport.drivers import aiokafka as driver


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

    class Transport(driver.Transport):
        pass

    Transport.Consumer = Consumer
    app.transport = Transport(app.conf.broker_consumer, app)
