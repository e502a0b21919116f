"""Keep the personal heads in use up to date with the store.

The store signs all heads with their effective times, so it does not matter when a processor loads them, as long as it
has done so before the first window that they apply to is classified. If they cannot be loaded, the processor keeps the
previous ones and asks the store again.
"""

import asyncio
import logging

from har.personal_index import PersonalAnnouncement
from model_store.client.errors import UpdateRejectedError
from stream_processor.metrics import ProcessorMetrics
from stream_processor.release_loading import ReleaseLoader
from stream_processor.serving import ReleaseTimeline

log = logging.getLogger(__name__)

#: After so many attempts (about a minute) an announcement of a change that the store does not have is dropped.
MAX_TRIES = 8


class HeadUpdater:
    """Adopts personal heads once they are loaded and checked.

    Parameters
    ----------
    loader : ReleaseLoader
        Loads the heads. It has loaded those in use.
    timeline : ReleaseTimeline
        Gets the heads in use.
    metrics : ProcessorMetrics
        Counts rejections and shows how many devices have heads.
    """

    def __init__(self, loader: ReleaseLoader, timeline: ReleaseTimeline, metrics: ProcessorMetrics) -> None:
        self._loader = loader
        self._timeline = timeline
        self._metrics = metrics
        self._announced = 0
        #: Number of attempts in a row in which the store did not have the announced change.
        self._failed_attempts = 0
        metrics.personal_devices.set(len(loader.heads.heads))

    def note(self, announcement: PersonalAnnouncement) -> bool:
        """Return whether an announced change is new; windows that it applies to wait for it then."""
        if announcement.index <= max(self._loader.heads.number, self._announced):
            return False  # a repeat, or from before this worker started
        log.info("received change %d of the personal heads", announcement.index)
        self._announced = announcement.index
        self._timeline.expect(announcement.effective)
        return True

    async def update(self) -> bool:
        """Load the heads that the store has; return whether that succeeded."""
        try:
            await self._pull(self._announced)
        except UpdateRejectedError as rejected:
            log.warning("%s; still using the personal heads of %d devices", rejected, len(self._loader.heads.heads))
            self._metrics.heads_rejected.labels(rejected.reason).inc()
            return rejected.reason == "rolled back" and await self._catch_up()
        self._failed_attempts = 0
        return True

    async def _catch_up(self) -> bool:
        """Adopt what the store has signed, as anyone who can write to the topic can announce anything.

        Returns whether the announced change was dropped because the store does not have it.
        """
        try:
            await self._pull(0)
        except UpdateRejectedError as rejected:
            log.warning("%s", rejected)
            return False
        self._failed_attempts += 1
        if self._failed_attempts < MAX_TRIES:
            return False
        log.warning("dropped the announcement of change %d of the personal heads: the store does not have it",
                    self._announced)  # fmt: skip
        self._announced, self._failed_attempts = 0, 0
        return True

    async def _pull(self, least: int) -> None:
        before = self._loader.heads.number
        found = await asyncio.to_thread(self._loader.pull_heads, least)
        self._timeline.use_heads(found.heads)
        self._metrics.personal_devices.set(len(found.heads))
        if found.number != before:
            log.info("now using the personal heads of %d devices, change %d", len(found.heads), found.number)
