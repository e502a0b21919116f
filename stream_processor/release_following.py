"""Keep the releases and personal heads in use up to date with the store while the stream continues.

An announcement on ``model.releases`` states that a channel or the personal heads have changed, and from which arrival
time on. What changed is pulled from the store and verified. If an update fails, the processor keeps what it has and
asks the store again.
"""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Literal

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from har import topics
from har.channels import Channel, ReleaseAnnouncement
from har.notices import ReleaseRejected
from har.personal_index import PersonalAnnouncement, decode_news
from har.process.back_off import BackOff
from har.process.clock import now_us
from har.process.kafka_clients import METADATA_AGE_MS
from har.process.kafka_connection import KafkaConnection
from har.process.unreadable_batch import UnreadableBatch
from har.release_documents import ReleaseError
from model_store.client.errors import UpdateRejectedError
from stream_processor.damaged_files import read_damaged_files
from stream_processor.fetched_batches import pass_unreadable_batches
from stream_processor.head_following import MAX_TRIES, HeadUpdater
from stream_processor.kafka_credentials import aiokafka_settings
from stream_processor.metrics import ProcessorMetrics
from stream_processor.release_loading import ReleaseLoader
from stream_processor.serving import CurrentReleases, ReleaseTimeline

log = logging.getLogger(__name__)

#: A message of ``model.releases``.
News = ReleaseAnnouncement | PersonalAnnouncement
#: What can change in a store.
Subject = Literal["releases", "heads"]
SUBJECTS: tuple[Subject, ...] = ("releases", "heads")

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 15.0
LONGEST_RECONNECT_SECONDS = 5.0
#: An effective time that is further ahead than this is moved forward to it, µs.
MAX_LEAD_US = 60_000_000


class ReleaseUpdater:
    """Adopts announced releases and personal heads once they are loaded and checked.

    Parameters
    ----------
    loader : ReleaseLoader
        Loads the releases that the store's channels point to, and the heads.
    timeline : ReleaseTimeline
        Gets the releases and heads in use.
    announced : async generator of ReleaseAnnouncement or PersonalAnnouncement
        Changes of channels and of the heads; those of one channel, and those of the heads, in order.
    interval_seconds : float
        How often the store is asked without an announcement, s.
    metrics : ProcessorMetrics
        Counts rejections and shows the releases in use.
    on_rejected : callable
        Called with each rejection of releases, for display.
    """

    def __init__(
        self,
        loader: ReleaseLoader,
        timeline: ReleaseTimeline,
        announced: AsyncGenerator[News, None],
        *,
        interval_seconds: float,
        metrics: ProcessorMetrics,
        on_rejected: Callable[[ReleaseRejected], None],
    ) -> None:
        self._loader = loader
        self._timeline = timeline
        self._announcements = announced
        self._interval_seconds = interval_seconds
        self._metrics = metrics
        self._on_rejected = on_rejected
        self._heads = HeadUpdater(loader, timeline, metrics)
        self._worker = f"{socket.gethostname()}-{os.getpid()}"
        self._announced: dict[Channel, ReleaseAnnouncement] = {}
        #: The last change of each channel that needs no further work.
        self._done: dict[Channel, int] = dict(timeline.now.numbers)
        #: Number of attempts in a row in which the store did not have an announced change.
        self._failed_attempts = 0
        #: What has to be updated without waiting for the next regular request.
        self._due: set[Subject] = set()
        self._news = asyncio.Event()
        metrics.show_releases(timeline.now)

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._update_forever())

    async def _listen(self) -> None:
        async with aclosing(self._announcements):
            async for announcement in self._announcements:
                if isinstance(announcement, PersonalAnnouncement):
                    found: set[Subject] = {"heads"} if self._heads.note(announcement) else set()
                else:
                    found = {"releases"} if self._note(announcement) else set()
                if found:
                    self._due |= found
                    self._news.set()

    def _note(self, announcement: ReleaseAnnouncement) -> bool:
        pointer = announcement.pointer
        if pointer.number <= self._done.get(pointer.channel, 0):
            return False  # a repeat, or from before this worker started
        log.info("received change %d of %s: release %s", pointer.number, pointer.channel, pointer.release or "none")
        self._announced[pointer.channel] = announcement
        self._timeline.expect(announcement.effective)
        return True

    async def _update_forever(self) -> None:
        back_off = BackOff(FIRST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS)
        pause = self._interval_seconds
        while True:
            try:
                async with asyncio.timeout(pause):
                    await self._news.wait()
            except TimeoutError:
                self._due.update(SUBJECTS)
            self._news.clear()
            due, self._due = self._due, set()
            failed = {subject for subject in SUBJECTS if subject in due and not await self._is_updated(subject)}
            self._due |= failed
            if failed:
                pause = back_off.next_pause()
            else:
                pause = self._interval_seconds
                back_off.reset()
            if not self._news.is_set():
                self._timeline.settle()

    async def _is_updated(self, subject: Subject) -> bool:
        return await (self._update_releases() if subject == "releases" else self._heads.update())

    async def _update_releases(self) -> bool:
        """Update the releases; return whether that succeeded."""
        try:
            await self._update()
        except UpdateRejectedError as rejected:
            serving = self._timeline.now.describe()
            log.warning("%s; still using %s", rejected, serving)
            self._metrics.release_rejected.labels(rejected.reason).inc()
            self._on_rejected(ReleaseRejected(self._worker, serving, rejected.reason, str(rejected)))
            return False
        return True

    async def _update(self) -> None:
        announced = dict(self._announced)
        pending = [
            announcement
            for channel, announcement in announced.items()
            if announcement.pointer.number > self._done.get(channel, 0)
        ]
        now = now_us()
        # Announcements are not signed: an effective time far ahead must not delay a signed release.
        effective = min(min((announcement.effective for announcement in pending), default=now), now + MAX_LEAD_US)
        least = {channel: announcement.pointer.number for channel, announcement in announced.items()}
        try:
            self._adopt(await asyncio.to_thread(self._loader.pull, least, effective=effective))
        except UpdateRejectedError as rejected:
            if rejected.reason == "rolled back" and least:
                # Anyone who can write to the topic can announce anything, so adopt what the store has signed.
                self._adopt(await asyncio.to_thread(self._loader.pull, {}, effective=effective))
                self._failed_attempts += 1
                if self._failed_attempts >= MAX_TRIES:
                    self._drop_unfulfilled()
            raise
        self._failed_attempts = 0
        for channel, number in least.items():
            self._done[channel] = max(number, self._done.get(channel, 0))

    def _adopt(self, current: CurrentReleases) -> None:
        before = self._timeline.now
        self._done |= current.numbers
        if (current.networks, current.share) != (before.networks, before.share):
            self._timeline.adopt(current)
            self._metrics.show_releases(current)

    def _drop_unfulfilled(self) -> None:
        """Drop the announcements of changes that the store does not have."""
        for channel, announcement in list(self._announced.items()):
            number = announcement.pointer.number
            if number > self._done.get(channel, 0):
                log.warning("dropped the announcement of change %d of %s: the store does not have it", number, channel)
                del self._announced[channel]
        self._failed_attempts = 0


async def announcements(kafka: KafkaConnection, *, fetch_wait_ms: int) -> AsyncGenerator[News, None]:
    """Yield the announcements on `model.releases` from its beginning, without end; log and skip invalid messages.

    Parameters
    ----------
    kafka : KafkaConnection
        How to connect to Kafka.
    fetch_wait_ms : int
        Longest wait of a fetch that finds no message, ms.
    """
    pass_unreadable_batches()
    back_off = BackOff(FIRST_PAUSE_SECONDS, longest=LONGEST_RECONNECT_SECONDS)
    while True:
        # Without a consumer group, every worker reads the whole topic.
        consumer = AIOKafkaConsumer(
            topics.RELEASES.name,
            **aiokafka_settings(kafka),
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=fetch_wait_ms,
            metadata_max_age_ms=METADATA_AGE_MS,
        )
        read_damaged_files(consumer)
        try:
            await consumer.start()
            back_off.reset()
            async for record in consumer:
                if isinstance(record.value, UnreadableBatch):
                    log.error("skipped messages of %s: %s", record.topic, record.value.detail)
                    continue
                try:
                    yield decode_news(record.value or b"")
                except ReleaseError as error:
                    log.warning("skipped offset %d of %s: %s", record.offset, topics.RELEASES.name, error)
        except KafkaError as error:
            log.warning("cannot read announcements of releases, reconnecting: %s", error)
            await asyncio.sleep(back_off.next_pause())
        finally:
            await consumer.stop()
