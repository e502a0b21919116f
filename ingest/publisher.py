"""Publishing to Kafka with kafka-python: all in-sync replicas, idempotent, checksums by `crc32c`.

kafka-python sends from a thread of its own; `KafkaPublisher.publish` bridges its futures to asyncio.

A producer that could not deliver a message is replaced by a new one, and all that it still held fails: so
no later message of a device overtakes the one that was lost, and the devices send again in order. (It has
to be: after a delivery timed out, an idempotent producer of kafka-python 3.0 does not send any more.)
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Self

from kafka import KafkaProducer
from kafka.errors import KafkaError

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.5
#: How much longer than the producer's own timeout a message may take.
SPARE_SECONDS = 0.5
#: `send` waits no longer than this for what the producer should know already.
MAX_BLOCK_MS = 1_000

Headers = list[tuple[str, bytes]]


class PublishError(RuntimeError):
    """Kafka did not take a message in time."""


class KafkaPublisher:
    """An idempotent producer for asyncio.

    Parameters
    ----------
    bootstrap : str
        ``host:port,host:port``.
    needed_topics : sequence of str
        Topics that must exist.
    delivery_timeout_seconds : float
        A message that Kafka has not confirmed by then has failed.

    Raises
    ------
    PublishError
        On entering, if Kafka or a topic is not there.
    """

    def __init__(self, bootstrap: str, needed_topics: Sequence[str], *, delivery_timeout_seconds: float) -> None:
        self._bootstrap = bootstrap
        self._topics = needed_topics
        self._timeout_ms = round(1000 * delivery_timeout_seconds)
        self._producer: KafkaProducer | None = None
        self._unconfirmed: set[asyncio.Future[None]] = set()
        self._renewal: asyncio.Task[None] | None = None

    @property
    def is_ready(self) -> bool:
        """Whether messages can be handed over at present."""
        return self._producer is not None

    async def __aenter__(self) -> Self:
        self._producer = await asyncio.to_thread(self._connect)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
        producer, self._producer = self._producer, None
        self._fail_unconfirmed("the gateway is stopping")
        if producer is not None:
            await asyncio.to_thread(_abandon, producer)

    def publish(
        self, topic: str, key: bytes | None, value: bytes, *, arrived_us: int, headers: Headers
    ) -> "asyncio.Future[None]":
        """Hand over a message; the result is done when Kafka has it on all in-sync replicas.

        Messages with the same key reach Kafka in the order of the calls.

        Raises
        ------
        PublishError
            From the future, if Kafka has not taken the message in time.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        producer = self._producer
        if producer is None:
            done.set_exception(PublishError("Kafka is away"))
            return done
        try:
            sent = producer.send(topic, key=key, value=value, timestamp_ms=arrived_us // 1000, headers=headers)
        except KafkaError as error:
            done.set_exception(PublishError(str(error)))
            self._renew(producer, error)
            return done
        # Its own timeout does not run while it waits to be given a producer id.
        overdue = TimeoutError(f"a message was not confirmed within {self._timeout_ms / 1000:g} s")
        deadline = loop.call_later(self._timeout_ms / 1000 + SPARE_SECONDS, self._renew, producer, overdue)
        done.add_done_callback(lambda _: deadline.cancel())
        self._unconfirmed.add(done)
        done.add_done_callback(self._unconfirmed.discard)
        sent.add_callback(lambda _: loop.call_soon_threadsafe(_succeed, done))
        sent.add_errback(lambda error: loop.call_soon_threadsafe(self._renew, producer, error))
        return done

    def _renew(self, failed: KafkaProducer, error: BaseException) -> None:
        """Replace a producer that failed; once, whichever of its messages says so first."""
        if self._producer is not failed:
            return
        log.error("Kafka did not take a message, a new producer is made: %s", error)
        self._producer = None
        self._fail_unconfirmed(str(error))
        self._renewal = asyncio.create_task(self._connect_until_done(failed))

    def _fail_unconfirmed(self, reason: str) -> None:
        for future in list(self._unconfirmed):
            if not future.done():
                future.set_exception(PublishError(reason))

    async def _connect_until_done(self, failed: KafkaProducer) -> None:
        await asyncio.to_thread(_abandon, failed)
        while True:
            try:
                self._producer = await asyncio.to_thread(self._connect)
            except Exception as error:  # whatever it is, the gateway must not stay without a producer
                log.warning("no producer yet: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                log.info("Kafka is back")
                return

    def _connect(self) -> KafkaProducer:
        try:
            producer = KafkaProducer(
                bootstrap_servers=self._bootstrap.split(","),
                acks="all",
                enable_idempotence=True,
                linger_ms=2,
                max_block_ms=MAX_BLOCK_MS,
                delivery_timeout_ms=self._timeout_ms,
                request_timeout_ms=round(0.9 * self._timeout_ms),
            )
        except KafkaError as error:
            raise PublishError(f"Kafka at {self._bootstrap} is not reachable: {error}") from error
        try:
            missing = [name for name in self._topics if not producer.partitions_for(name)]
        except KafkaError as error:
            _abandon(producer)
            raise PublishError(f"Kafka at {self._bootstrap} does not answer: {error}") from error
        if missing:
            _abandon(producer)
            raise PublishError(f"Kafka has no topic {', '.join(missing)}; create the topics with `har topics`")
        return producer


def _succeed(done: "asyncio.Future[None]") -> None:
    if not done.done():
        done.set_result(None)


def _abandon(producer: KafkaProducer) -> None:
    """Close a producer at once; what it still holds has been reported as failed."""
    # Its close() first waits for what is pending, and if that stays pending raises before anything is closed.
    producer.flush = lambda timeout=None: None
    producer.close(timeout=0)
