"""Publishing to Kafka with kafka-python: idempotent, confirmed by all in-sync replicas.

kafka-python sends from its own thread; `OrderedSender.publish` bridges its futures to asyncio.

A message must never reach Kafka if an earlier message of the same ordered sender did not. Otherwise the processor would
wait for the missing batch for the grace only, and reject it as late when the device sends it again. Three rules prevent
this:

* An idempotent producer has one request per partition in flight, and repeats it until it succeeds.
* A producer never gives up a message by itself, because it would continue with the next one. Instead, the publisher has
  its own time limit, and then abandons the producer with all messages that it holds.
* An ordered sender belongs to one producer. If that producer is replaced, the ordered sender fails, and with it the
  connection that it serves. The device connects again and resends everything from the oldest unconfirmed message on.

The last request of an abandoned producer may still arrive at any later time. It continues the messages that this
producer sent before, so whatever it adds is either a repeat or the next message in order.
"""

import asyncio
import logging
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Self

from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError

from har.process.back_off import BackOff
from har.process.kafka_access import require_rights
from har.process.kafka_clients import KafkaRefusedError, open_client
from har.process.kafka_connection import KafkaConnection
from har.process.kafka_probe import KafkaUnreachableError
from har.rights import Right
from ingest.gateway.daemon_thread import in_daemon_thread
from ingest.gateway.partitioner import RememberingPartitioner

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 2.0
#: Longest wait of `send` for metadata, which the producer normally has already.
MAX_BLOCK_MS = 1_000
#: The producer's own delivery timeout: practically none (a week).
NO_TIMEOUT_MS = 7 * 86_400_000
#: How often an unanswered request is sent within the delivery timeout.
ATTEMPTS = 3
#: Longest pause before connecting to a broker again.
RECONNECT_MAX_MS = 1_000
#: How long the producer collects messages of a partition into one request.
LINGER_MS = 2

Headers = list[tuple[str, bytes]]


class PublishError(RuntimeError):
    """Kafka cannot be reached, a topic is missing, or a message was not confirmed in time."""


class KafkaPublisher:
    """An idempotent producer for asyncio.

    Parameters
    ----------
    kafka : KafkaConnection
        How to connect to Kafka.
    needed_topics : sequence of str
        Topics that must exist.
    delivery_timeout_seconds : float
        If Kafka does not confirm a message within this time, the message and all other pending ones fail.

    Raises
    ------
    PublishError
        On entering, if Kafka cannot be reached or a topic does not exist.
    """

    def __init__(
        self, kafka: KafkaConnection, needed_topics: Sequence[str], *, delivery_timeout_seconds: float
    ) -> None:
        self._kafka = kafka
        self._topics = needed_topics
        self._timeout_seconds = delivery_timeout_seconds
        self._producer: KafkaProducer | None = None
        #: Deadline of each pending message by the loop's clock, s; in ascending order.
        self._deadlines: dict[asyncio.Future[None], float] = {}
        #: Messages that Kafka has confirmed and whose futures are still to be completed on the loop.
        self._confirmed: list[asyncio.Future[None]] = []
        self._confirmed_lock = threading.Lock()
        self._watch: asyncio.TimerHandle | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._is_stopping = False

    @property
    def is_ready(self) -> bool:
        """Whether there is a producer, so that messages can be published."""
        return self._producer is not None

    async def __aenter__(self) -> Self:
        self._producer = await in_daemon_thread(self._connect)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_stopping = True
        if self._renewal is not None:
            self._renewal.cancel()
        if self._watch is not None:
            self._watch.cancel()
        producer, self._producer = self._producer, None
        self._fail_unconfirmed("the gateway is stopping")
        if producer is not None:
            await in_daemon_thread(partial(_abandon, producer))

    def ordered_sender(self) -> "OrderedSender":
        """Return a new ordered sender on the current producer."""
        return OrderedSender(self, self._producer)

    def _send(
        self,
        producer: KafkaProducer | None,
        topic: str,
        key: bytes | None,
        value: bytes,
        timestamp_ms: int,
        headers: Headers,
    ) -> "asyncio.Future[None]":
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        if producer is not self._producer or producer is None:
            done.set_exception(PublishError("the connection to Kafka was lost"))
            return done
        try:
            sent = producer.send(topic, key=key, value=value, timestamp_ms=timestamp_ms, headers=headers)
        except KafkaError as error:
            done.set_exception(PublishError(str(error)))
            self._renew(producer, error)
            return done
        self._deadlines[done] = loop.time() + self._timeout_seconds
        if self._watch is None:
            self._watch = loop.call_later(self._timeout_seconds, self._check_deadlines)
        done.add_done_callback(self._forget)
        sent.add_callback(lambda _: self._note_confirmed(loop, done))
        sent.add_errback(partial(self._failed, loop, producer))
        return done

    def _note_confirmed(self, loop: asyncio.AbstractEventLoop, done: "asyncio.Future[None]") -> None:
        # Runs on the producer's thread for each message; wakes the loop only once for messages confirmed together.
        with self._confirmed_lock:
            is_first = not self._confirmed
            self._confirmed.append(done)
        if is_first:
            with suppress(RuntimeError):  # the loop is closed, so nothing waits for the message
                loop.call_soon_threadsafe(self._complete_confirmed)

    def _complete_confirmed(self) -> None:
        with self._confirmed_lock:
            confirmed, self._confirmed = self._confirmed, []
        for done in confirmed:
            if not done.done():
                done.set_result(None)

    def _forget(self, done: "asyncio.Future[None]") -> None:
        self._deadlines.pop(done, None)

    def _check_deadlines(self) -> None:
        """Abandon the producer if its oldest message is overdue; otherwise check again at that message's deadline."""
        self._watch = None
        oldest = next(iter(self._deadlines.values()), None)
        if oldest is None or self._producer is None:
            return
        loop = asyncio.get_running_loop()
        if oldest <= loop.time():
            overdue = TimeoutError(f"a message was not confirmed within {self._timeout_seconds:g} s")
            self._renew(self._producer, overdue)
        else:
            self._watch = loop.call_at(oldest, self._check_deadlines)

    def _failed(self, loop: asyncio.AbstractEventLoop, producer: KafkaProducer, error: BaseException) -> None:
        # Runs on the producer's thread. Closes the producer at once, before it can send the next message.
        _abandon(producer)
        with suppress(RuntimeError):  # the loop is closed, so nothing waits for the message
            loop.call_soon_threadsafe(self._renew, producer, error)

    def _renew(self, failed: KafkaProducer, error: BaseException) -> None:
        """Replace a failed producer. Only its first failure counts; later ones are ignored."""
        if self._producer is not failed:
            return
        log.error("replacing the producer, because Kafka did not confirm a message: %s", error)
        self._producer = None
        self._fail_unconfirmed(str(error))
        self._renewal = asyncio.create_task(self._connect_until_done(failed))

    def _fail_unconfirmed(self, reason: str) -> None:
        for future in list(self._deadlines):
            if not future.done():
                future.set_exception(PublishError(reason))

    async def _connect_until_done(self, failed: KafkaProducer) -> None:
        await in_daemon_thread(partial(_abandon, failed))
        back_off = BackOff(FIRST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS)
        while True:
            try:
                self._producer = await in_daemon_thread(self._connect)
            except Exception as error:  # any failure: the gateway must not stay without a producer
                log.warning("cannot create a producer, trying again: %s", error)
                await asyncio.sleep(back_off.next_pause())
            else:
                log.info("connected to Kafka again")
                return

    def _connect(self) -> KafkaProducer:
        try:
            require_rights(KafkaAdminClient, self._kafka, [Right("WRITE", "TOPIC", topic) for topic in self._topics])
            producer = open_client(
                KafkaProducer,
                self._kafka,
                acks="all",
                enable_idempotence=True,
                linger_ms=LINGER_MS,
                allow_auto_create_topics=False,
                metrics_enabled=False,
                max_block_ms=MAX_BLOCK_MS,
                partitioner=RememberingPartitioner(),
                delivery_timeout_ms=NO_TIMEOUT_MS,
                request_timeout_ms=round(1000 * self._timeout_seconds / ATTEMPTS),
                reconnect_backoff_max_ms=RECONNECT_MAX_MS,
            )
        except KafkaError as error:
            raise PublishError(f"cannot reach Kafka at {self._kafka}: {error}") from error
        except (KafkaUnreachableError, KafkaRefusedError) as error:
            raise PublishError(str(error)) from error
        for topic in self._topics:
            try:
                producer.partitions_for(topic)
            except KafkaError as error:
                _abandon(producer)
                raise PublishError(
                    f"Kafka at {self._kafka} returns no metadata for the topic {topic} ({error}); "
                    "if the topic does not exist, create it with `har topics`"
                ) from error
        if self._is_stopping:
            _abandon(producer)
            raise PublishError("the gateway is stopping")
        return producer


class OrderedSender:
    """Publishes messages that must arrive in order and without a gap.

    Once a message has failed, all later ones fail too. The device then continues on a new ordered sender, from the
    failed message on.
    """

    def __init__(self, publisher: KafkaPublisher, producer: KafkaProducer | None) -> None:
        self._publisher = publisher
        self._producer = producer

    def publish(
        self, topic: str, key: bytes | None, value: bytes, *, arrived_us: int, headers: Headers
    ) -> "asyncio.Future[None]":
        """Publish a message; the future completes when all in-sync replicas of Kafka have it.

        Messages with the same key reach Kafka in the order of the calls.

        Parameters
        ----------
        arrived_us : int
            When the message arrived, µs since the epoch; its timestamp in Kafka.

        Raises
        ------
        PublishError
            From the future, if Kafka has not confirmed the message in time.
        """
        return self._publisher._send(self._producer, topic, key, value, arrived_us // 1000, headers)


def _abandon(producer: KafkaProducer) -> None:
    """Close a producer at once; the messages that it still holds have been reported as failed."""
    # `close` would first flush pending messages, and raise before it closes anything if the flush times out.
    producer.flush = lambda timeout=None: None
    producer.close(timeout=0)
