"""Announce changes of a store's channels on Kafka's compacted topic ``model.releases`` and in Redis.

The announcer compares the store's pointers with those that it announced last. So it announces every change, by any
process, and catches up after an outage of the server, Kafka or Redis. Redis can be emptied at any time. Changes of the
personal heads are announced on Kafka in the same way, and not in Redis.
"""

import asyncio
import logging
from contextlib import suppress
from functools import partial

from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError

from har import rights, topics
from har.channels import Channel, ReleaseAnnouncement, encode_announcement
from har.personal_index import PersonalAnnouncement, PersonalIndex, encode_personal_announcement
from har.process import kafka_access
from har.process.back_off import BackOff
from har.process.clock import now_us
from har.process.kafka_clients import open_client
from har.process.kafka_connection import KafkaConnection
from har.process.redis_errors import Status
from har.release_documents import ReleaseError
from har.time_units import MICROSECONDS
from model_store.server.current_state import CurrentState
from model_store.server.redis_announcing import RedisAnnouncer

log = logging.getLogger(__name__)

KAFKA_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 10.0
#: Key of the announcements of personal heads; the key of the others is their channel.
PERSONAL_KEY = "personal"


class Announcer:
    """Keeps Kafka and Redis up to date with the store's channels.

    Parameters
    ----------
    current : CurrentState
        The store.
    kafka : KafkaConnection or None
        How to connect to Kafka; None to send nothing to Kafka.
    redis_url : str or None
        URL of Redis; None to write nothing to Redis.
    look_seconds : float
        Time between two checks of the store and of Redis, s.
    lead_seconds : float
        Time from an announcement until the release takes effect, by arrival time at the gateway, s. Personal heads
        state for themselves when they take effect.
    """

    def __init__(
        self,
        current: CurrentState,
        kafka: KafkaConnection | None,
        redis_url: str | None,
        *,
        look_seconds: float = 1.0,
        lead_seconds: float = 0.5,
    ) -> None:
        self._current = current
        self._kafka = kafka
        self._redis = None if redis_url is None else RedisAnnouncer(redis_url, look_seconds)
        self._look_seconds = look_seconds
        self._lead_us = round(lead_seconds * MICROSECONDS)
        self._producer: KafkaProducer | None = None
        self._announced: dict[Channel, ReleaseAnnouncement] = {}
        self._announced_index = 0
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def look(self) -> None:
        """Check the store now. Thread-safe."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._news.set)

    @property
    def redis_status(self) -> Status | None:
        """Whether Redis works, for health pages; None if nothing is written there."""
        return None if self._redis is None else self._redis.condition.status

    async def run(self) -> None:
        """Announce until cancelled."""
        self._loop = asyncio.get_running_loop()
        try:
            async with asyncio.TaskGroup() as tasks:
                if self._redis is not None:
                    tasks.create_task(self._redis.run())
                await self._announce_forever()
        finally:
            if self._producer is not None:
                await asyncio.to_thread(partial(self._producer.close, timeout=1))

    async def _announce_forever(self) -> None:
        back_off = BackOff(self._look_seconds, longest=LONGEST_PAUSE_SECONDS)
        while True:
            try:
                await self._announce()
                pause = self._look_seconds
                back_off.reset()
            except (ReleaseError, OSError, KafkaError) as error:
                log.warning("cannot announce the store's channels, will retry: %s", await self._reason(error))
                pause = back_off.next_pause()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), pause)
            self._news.clear()

    async def _reason(self, error: Exception) -> str:
        if self._kafka is None:
            return str(error)
        return await asyncio.to_thread(kafka_access.reason, KafkaAdminClient, self._kafka, rights.STORE, error)

    async def _announce(self) -> None:
        contents = await asyncio.to_thread(self._current.look)
        for channel, pointer in contents.pointers.items():
            known = self._announced.get(channel)
            if known is not None and known.pointer.number == pointer.number:
                continue
            now = now_us()
            announcement = ReleaseAnnouncement(pointer=pointer, announced=now, effective=now + self._lead_us)
            if self._kafka is not None:
                await asyncio.to_thread(self._send, channel, encode_announcement(announcement))
            self._announced[channel] = announcement
            log.info("announced change %d of %s: %s", pointer.number, channel, pointer.release or "no release")
            if self._redis is not None:
                self._redis.offer(channel, encode_announcement(announcement))
        await self._announce_heads(contents.personal)

    async def _announce_heads(self, index: PersonalIndex) -> None:
        if index.number == self._announced_index:
            return
        now = now_us()
        # Processors must wait for the heads from the first new one on. A removed head ends after the lead time.
        new = (entry.effective for entry in index.heads if entry.number > self._announced_index)
        announcement = PersonalAnnouncement(index.number, now, min(new, default=now + self._lead_us))
        if self._kafka is not None:
            await asyncio.to_thread(self._send, PERSONAL_KEY, encode_personal_announcement(announcement))
        self._announced_index = index.number
        log.info("announced change %d of the personal heads", index.number)

    def _send(self, key: str, message: bytes) -> None:
        """Send to Kafka and wait for the confirmation.

        Raises
        ------
        kafka.errors.KafkaError
            If Kafka does not confirm. The producer is then closed, and the next call opens another.
        """
        assert self._kafka is not None
        if self._producer is None:
            self._producer = open_client(
                KafkaProducer,
                self._kafka,
                acks="all",
                enable_idempotence=True,
                linger_ms=0,
                max_block_ms=round(KAFKA_SECONDS * 1_000),
            )
        try:
            self._producer.send(topics.RELEASES.name, key=key.encode(), value=message).get(KAFKA_SECONDS)
        except KafkaError:
            self._producer.close(timeout=0)
            self._producer = None
            raise
