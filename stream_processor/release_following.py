"""Keeping the served releases as the store says, while the stream goes on.

An announcement on ``model.releases`` says that something changed and from which moment on; what it is comes from the
store, verified. Whatever goes wrong, what classifies goes on, and the store is asked again.
"""

import asyncio
import logging
import math
import os
import socket
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from har import topics
from har.channels import Channel, ReleaseAnnouncement, decode_announcement
from har.release_rejections import ReleaseRejected
from har.releases import ReleaseError
from model_store.client.errors import UpdateRejectedError
from stream_processor.metrics import ProcessorMetrics
from stream_processor.release_loading import ReleaseLoader
from stream_processor.serving import CurrentReleases, Served

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 15.0
RECONNECT_SECONDS = 1.0
#: An announcement of what the store does not have is believed no longer after so many; about a minute.
MOST_TRIES = 8
#: No announced moment further ahead is kept to, µs.
MOST_LEAD_US = 60_000_000


class ReleaseUpdater:
    """Adopts what is announced, once it is loaded and checked.

    Parameters
    ----------
    loader : ReleaseLoader
        Loads what the store says.
    served : CurrentReleases
        What classifies.
    announced : async generator of ReleaseAnnouncement
        Changes, those of a channel in order.
    interval_seconds : float
        How often the store is asked although nothing was announced.
    measures : ProcessorMetrics
        Counts what is rejected, and shows what classifies.
    tell_rejected : callable
        Told of each rejection, for people to see.
    """

    def __init__(
        self,
        loader: ReleaseLoader,
        served: CurrentReleases,
        announced: AsyncGenerator[ReleaseAnnouncement, None],
        *,
        interval_seconds: float,
        measures: ProcessorMetrics,
        tell_rejected: Callable[[ReleaseRejected], None],
    ) -> None:
        self._loader = loader
        self._served = served
        self._announcements = announced
        self._interval_seconds = interval_seconds
        self._measures = measures
        self._tell_rejected = tell_rejected
        self._worker = f"{socket.gethostname()}-{os.getpid()}"
        self._announced: dict[Channel, ReleaseAnnouncement] = {}
        #: Up to which change of each channel nothing is left to do.
        self._done: dict[Channel, int] = dict(served.now.numbers)
        #: How often in a row the store did not have what was announced.
        self._unmet = 0
        self._news = asyncio.Event()
        measures.show_releases(served.now)

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._update_forever())

    async def _listen(self) -> None:
        async with aclosing(self._announcements):
            async for announcement in self._announcements:
                self._note(announcement)

    def _note(self, announcement: ReleaseAnnouncement) -> None:
        pointer = announcement.pointer
        if pointer.number <= self._done.get(pointer.channel, 0):
            return  # said again, or from before this worker began
        log.info("announced: change %d of %s, %s", pointer.number, pointer.channel, pointer.release or "none")
        self._announced[pointer.channel] = announcement
        self._served.expect(announcement.effective)
        self._news.set()

    async def _update_forever(self) -> None:
        pause, failures = self._interval_seconds, 0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._news.wait()
            self._news.clear()
            try:
                await self._update()
            except UpdateRejectedError as rejected:
                log.warning("%s; %s classifies on", rejected, self._served.now.describe())
                self._measures.release_rejected.labels(rejected.reason).inc()
                serving = self._served.now.describe()
                self._tell_rejected(ReleaseRejected(self._worker, serving, rejected.reason, str(rejected)))
                pause = pause_after(failures)
                failures += 1
            else:
                pause, failures = self._interval_seconds, 0
            if not self._news.is_set():
                self._served.settle()

    async def _update(self) -> None:
        announced = dict(self._announced)
        news = [each for channel, each in announced.items() if each.pointer.number > self._done.get(channel, 0)]
        now = time.time_ns() // 1000
        # A moment far ahead would keep back what was signed.
        effective = min(min((each.effective for each in news), default=now), now + MOST_LEAD_US)
        least = {channel: each.pointer.number for channel, each in announced.items()}
        try:
            self._take(await asyncio.to_thread(self._loader.pull, least, effective=effective))
        except UpdateRejectedError as rejected:
            if rejected.reason == "rolled back" and least:
                # Anybody who can write to the topic can announce anything: what is signed counts all the same.
                self._take(await asyncio.to_thread(self._loader.pull, {}, effective=effective))
                self._unmet += 1
                if self._unmet >= MOST_TRIES:
                    self._forget_what_never_came()
            raise
        self._unmet = 0
        for channel, number in least.items():
            self._done[channel] = max(number, self._done.get(channel, 0))

    def _take(self, served: Served) -> None:
        before = self._served.now
        self._done |= served.numbers
        if (served.networks, served.share) != (before.networks, before.share):
            self._served.adopt(served)
            self._measures.show_releases(served)

    def _forget_what_never_came(self) -> None:
        """Believe no longer what the store did not have, however often it was asked."""
        for channel, each in list(self._announced.items()):
            if each.pointer.number > self._done.get(channel, 0):
                log.warning("change %d of %s was announced and never came", each.pointer.number, channel)
                del self._announced[channel]
        self._unmet = 0


def pause_after(failures: int) -> float:
    """Return how long to wait before the store is asked again, s, after so many failures before the present one.

    Examples
    --------
    >>> [pause_after(failures) for failures in (0, 1, 2, 5, 100_000)]
    [0.5, 1.0, 2.0, 15.0, 15.0]
    """
    return min(math.ldexp(FIRST_PAUSE_SECONDS, min(failures, 10)), LONGEST_PAUSE_SECONDS)


async def announcements(bootstrap: str, *, fetch_wait_ms: int) -> AsyncGenerator[ReleaseAnnouncement, None]:
    """Yield what `model.releases` says, from its beginning and for ever; what is no announcement is told and left out.

    Parameters
    ----------
    bootstrap : str
        Kafka's servers, host:port,host:port.
    fetch_wait_ms : int
        Longest wait of a fetch that finds nothing.
    """
    while True:
        # Of no group: every worker reads all of it.
        consumer = AIOKafkaConsumer(
            topics.RELEASES.name,
            bootstrap_servers=bootstrap,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=fetch_wait_ms,
        )
        try:
            await consumer.start()
            async for record in consumer:
                try:
                    yield decode_announcement(record.value or b"")
                except ReleaseError as error:
                    log.warning("%s, offset %d: %s", topics.RELEASES.name, record.offset, error)
        except KafkaError as error:
            log.warning("announcements of releases are not read at present: %s", error)
            await asyncio.sleep(RECONNECT_SECONDS)
        finally:
            await consumer.stop()
