"""Publishing to Kafka with kafka-python: all in-sync replicas, idempotent, checksums by `crc32c`.

kafka-python sends from a thread of its own; `OrderedSender.publish` bridges its futures to asyncio.

What must not happen is that a message reaches Kafka although one before it, on the same lane, never did: the
processor would wait for the missing batch no longer than the grace, and reject it as late when its device
sends it again. Three things prevent it:

* An idempotent producer has one request in flight for a partition, and repeats that until it is through.
* A producer never gives a message up by itself, because it would go on with the next. We do, by a time limit of
  our own, and then give up the producer with all that it holds.
* A lane belongs to one producer. When that is replaced, the lane is at its end, and so is the connection that
  it serves. The device connects again and sends everything from the oldest message that was not confirmed.

An abandoned producer's last request may still arrive at any time later. It continues what that producer sent
before, so whatever it adds is either a repeat or next in order.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from typing import Self, TypeVar

from kafka import KafkaProducer
from kafka.cluster import ClusterMetadata
from kafka.errors import KafkaError
from kafka.partitioner.default import DefaultPartitioner, murmur2

from har.process.kafka_clients import open_client

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.5
#: `send` waits no longer than this for what the producer should know already.
MAX_BLOCK_MS = 1_000
#: As good as never.
NO_TIMEOUT_MS = 7 * 86_400_000
#: A broker that does not answer a request is asked again so often within the time that a message has.
ATTEMPTS = 3
#: A broker that restarts is found again after at most this.
RECONNECT_MAX_MS = 1_000
#: Each partition's messages of this long make one request.
LINGER_MS = 2

Headers = list[tuple[str, bytes]]


Result = TypeVar("Result")


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
        A message that Kafka has not confirmed by then has failed, with all others that wait.

    Raises
    ------
    PublishError
        On entering, if Kafka or a topic is not there.
    """

    def __init__(self, bootstrap: str, needed_topics: Sequence[str], *, delivery_timeout_seconds: float) -> None:
        self._bootstrap = bootstrap
        self._topics = needed_topics
        self._timeout_seconds = delivery_timeout_seconds
        self._producer: KafkaProducer | None = None
        #: In the order of their deadlines, on the loop's clock.
        self._deadlines: dict[asyncio.Future[None], float] = {}
        #: What Kafka has and the loop was not told of yet.
        self._confirmed: list[asyncio.Future[None]] = []
        self._confirmed_lock = threading.Lock()
        self._watch: asyncio.TimerHandle | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._is_stopping = False

    @property
    def is_ready(self) -> bool:
        """Whether messages can be handed over at present."""
        return self._producer is not None

    async def __aenter__(self) -> Self:
        self._producer = await _in_daemon_thread(self._connect)
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
            await _in_daemon_thread(partial(_abandon, producer))

    def lane(self) -> "OrderedSender":
        """Return a new lane to Kafka, on the present producer."""
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
            done.set_exception(PublishError("Kafka was away"))
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
        # On the producer's thread, once a message; the loop is woken once for all that Kafka confirms at a time.
        with self._confirmed_lock:
            is_first = not self._confirmed
            self._confirmed.append(done)
        if is_first:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._tell_confirmed)

    def _tell_confirmed(self) -> None:
        with self._confirmed_lock:
            confirmed, self._confirmed = self._confirmed, []
        for done in confirmed:
            if not done.done():
                done.set_result(None)

    def _forget(self, done: "asyncio.Future[None]") -> None:
        self._deadlines.pop(done, None)

    def _check_deadlines(self) -> None:
        """Give up the producer if its oldest message is overdue; else look again when it would be."""
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
        # On the producer's own thread, and at once: it would send the next message.
        _abandon(producer)
        with suppress(RuntimeError):  # the loop is closed: nobody waits for the message any more
            loop.call_soon_threadsafe(self._renew, producer, error)

    def _renew(self, failed: KafkaProducer, error: BaseException) -> None:
        """Replace a producer that failed; once, whichever of its messages says so first."""
        if self._producer is not failed:
            return
        log.error("Kafka did not take a message, a new producer is made: %s", error)
        self._producer = None
        self._fail_unconfirmed(str(error))
        self._renewal = asyncio.create_task(self._connect_until_done(failed))

    def _fail_unconfirmed(self, reason: str) -> None:
        for future in list(self._deadlines):
            if not future.done():
                future.set_exception(PublishError(reason))

    async def _connect_until_done(self, failed: KafkaProducer) -> None:
        await _in_daemon_thread(partial(_abandon, failed))
        while True:
            try:
                self._producer = await _in_daemon_thread(self._connect)
            except Exception as error:  # whatever it is, the gateway must not stay without a producer
                log.warning("no producer yet: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                log.info("Kafka is back")
                return

    def _connect(self) -> KafkaProducer:
        try:
            producer = open_client(
                KafkaProducer,
                bootstrap_servers=self._bootstrap.split(","),
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
            raise PublishError(f"Kafka at {self._bootstrap} is not reachable: {error}") from error
        for topic in self._topics:
            try:
                producer.partitions_for(topic)
            except KafkaError as error:
                _abandon(producer)
                raise PublishError(
                    f"Kafka at {self._bootstrap} does not tell of the topic {topic} ({error}); "
                    "if it is not there, create the topics with `har topics`"
                ) from error
        if self._is_stopping:
            _abandon(producer)
            raise PublishError("the gateway is stopping")
        return producer


class OrderedSender:
    """A way to Kafka for messages that must arrive in order and without a gap.

    Once a message has failed, all later ones fail too: their sender begins again on another lane, with the
    one that failed.
    """

    def __init__(self, publisher: KafkaPublisher, producer: KafkaProducer | None) -> None:
        self._publisher = publisher
        self._producer = producer

    def publish(
        self, topic: str, key: bytes | None, value: bytes, *, arrived_us: int, headers: Headers
    ) -> "asyncio.Future[None]":
        """Hand over a message; the result is done when Kafka has it on all in-sync replicas.

        Messages with the same key reach Kafka in the order of the calls.

        Parameters
        ----------
        arrived_us : int
            When the message came, µs since the epoch; its timestamp in Kafka.

        Raises
        ------
        PublishError
            From the future, if Kafka has not taken the message in time.
        """
        return self._publisher._send(self._producer, topic, key, value, arrived_us // 1000, headers)


async def _in_daemon_thread(function: Callable[[], Result]) -> Result:
    """Call a function that blocks; unlike the loop's own threads, one that hangs does not hold up the end."""
    loop = asyncio.get_running_loop()
    finished: asyncio.Future[Result] = loop.create_future()

    def deliver(result: Result | None, error: Exception | None) -> None:
        if finished.done():
            return
        if error is not None:
            finished.set_exception(error)
        else:
            finished.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result, failure = None, None
        try:
            result = function()
        except Exception as error:
            failure = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(deliver, result, failure)

    threading.Thread(target=work, name="kafka-connecting", daemon=True).start()
    return await finished


@lru_cache(maxsize=50_000)
def _place(key: bytes, partitions: int) -> int:
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


class RememberingPartitioner(DefaultPartitioner):  # type: ignore[misc]  # kafka-python carries no types
    """Chooses partitions as Kafka's clients do by default, but hashes each device's name only once."""

    def partition(
        self,
        topic: str,
        key: object,
        serialized_key: bytes | None,
        value: object,
        serialized: object,
        cluster: ClusterMetadata,
    ) -> int:
        """Return the partition for a message with this key."""
        partitions = cluster.partitions_for_topic(topic) if serialized_key is not None else None
        if not partitions:
            chosen: int = super().partition(topic, key, serialized_key, value, serialized, cluster)
            return chosen
        return _place(serialized_key or b"", len(partitions))


def _abandon(producer: KafkaProducer) -> None:
    """Close a producer at once; what it still holds has been reported as failed."""
    # Its close() first waits for what is pending, and if that stays pending raises before anything is closed.
    producer.flush = lambda timeout=None: None
    producer.close(timeout=0)
