"""The live state of all devices, and the messages that update a browser from an older revision.

Browsers have no queues. A session keeps the last revision that its browser received, and sends the difference
when the browser is ready. A slow browser therefore costs one number and the data in flight to it.
"""

import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from dashboard.browser_messages import BrowserUpdate, LiveStatus
from dashboard.device_history import DeviceHistory
from dashboard.limits import BrowserLimits
from dashboard.live_messages import InvalidUpdateError, read_update
from dashboard.processor_notices import ProcessorNotices
from dashboard.throughput import Throughput
from har.activity_styles import ActivityStyle, activity_style
from har.predictions import LiveUpdate
from har.process.clock import now_us
from har.process.limited_log import LimitedLog
from har.process.redis_condition import RedisCondition
from har.samples import UNDECODABLE
from har.time_units import MICROSECONDS

logger = logging.getLogger(__name__)

MAX_STYLES = 256
MAX_RELEASES_SHOWN = 8
#: Devices without an update for longer than this do not count for the releases in use, µs.
ACTIVE_US = 60_000_000
#: Maximum number of windows kept per second of history. With the default hop of 1 s there is one.
WINDOWS_PER_SECOND = 4


@dataclass(frozen=True)
class Clock:
    """The clocks of the live state: the wall clock (µs since the Unix epoch) and a monotonic clock (s)."""

    wall_us: Callable[[], int] = now_us
    monotonic: Callable[[], float] = time.monotonic


class LiveState:
    """The recent history of all devices, with a revision that grows with every change.

    Parameters
    ----------
    history_seconds : float
        Length of the timelines, s of event time.
    limits : BrowserLimits
        Limits of memory.
    clock : Clock, optional
        The clocks; those of the system by default.
    labels : tuple of ActivityStyle
        The activities that the page offers as labels.

    Attributes
    ----------
    revision : int
        The current revision.
    undecodable : int
        Number of invalid messages from Redis.
    redis : RedisCondition
        Whether the feed from Redis works, and since when it does not.
    newest_update : int or None
        When the last new update of the live channel arrived, µs by the server's clock; None before the first.
    """

    def __init__(
        self,
        history_seconds: float,
        limits: BrowserLimits,
        clock: Clock | None = None,
        *,
        labels: tuple[ActivityStyle, ...] = (),
    ) -> None:
        self.clock = clock or Clock()
        self.revision = 1
        self.undecodable = 0
        self.redis = RedisCondition(logger)
        self.newest_update: int | None = None
        self._labels = labels
        self._history_seconds = history_seconds
        self._limits = limits
        self._devices: OrderedDict[str, DeviceHistory] = OrderedDict()  # least recently changed first
        self._removed: OrderedDict[str, int] = OrderedDict()
        self._snapshot_before = 1  # a browser with an older revision needs a snapshot
        self._styles: OrderedDict[str, tuple[int, ActivityStyle]] = OrderedDict()
        self._notices = ProcessorNotices(self.clock.monotonic)
        self._throughput = Throughput(self.clock.monotonic())
        self._log = LimitedLog(logger, lines=1, clock=self.clock.monotonic)

    def __len__(self) -> int:
        """Return the number of devices kept."""
        return len(self._devices)

    def receive(self, message: bytes) -> bool:
        """Apply a message that just arrived on the live channel.

        Returns
        -------
        bool
            Whether it changed anything. Invalid messages are counted and logged at a limited rate.
        """
        update, now = self._decode(message), self.clock.wall_us()
        if update is None or not self._apply(update, seen=now):
            return False
        self.newest_update = now
        latency_ms = (update.published - update.prediction.arrived) / 1_000
        self._throughput.add(latency_ms, self.clock.monotonic())
        return True

    def restore(self, message: bytes) -> bool:
        """Apply a device's latest update from its Redis key; the update may be old.

        Returns
        -------
        bool
            Whether it changed anything.
        """
        update = self._decode(message)
        if update is None:
            return False
        return self._apply(update, seen=min(update.published, self.clock.wall_us()))

    def receive_rejection(self, message: bytes) -> None:
        """Store a processor's notice that it rejected an update of its release. Invalid messages are counted."""
        self._read_notice(self._notices.add_rejection, message)

    def receive_fault(self, message: bytes) -> None:
        """Store a processor's notice that Redis rejects what it writes. Invalid messages are counted."""
        self._read_notice(self._notices.add_fault, message)

    def _read_notice(self, add: Callable[[bytes], None], message: bytes) -> None:
        try:
            add(message)
        except (*UNDECODABLE, ValueError) as error:
            self.undecodable += 1
            self._log.warn("unreadable", "rejected a message from Redis: %s", error)

    def forget_silent(self) -> None:
        """Remove devices without an update for `BrowserLimits.device_expiry`."""
        oldest = self.clock.wall_us() - int(self._limits.device_expiry * MICROSECONDS)
        for device in [name for name, history in self._devices.items() if history.seen < oldest]:
            self._forget(device)

    def status(self) -> LiveStatus:
        """Return the figures and notices at the top of the page."""
        now = self.clock.monotonic()
        fault = self.redis.fault
        p50, p99 = (self._throughput.latency_ms(quantile, now) for quantile in (0.5, 0.99))
        return LiveStatus(
            devices=len(self._devices),
            windows_per_second=round(self._throughput.windows_per_second(now), 1),
            latency_p50=p50 if p50 is None else round(p50, 1),
            latency_p99=p99 if p99 is None else round(p99, 1),
            releases=self._releases_in_use(),
            redis_unavailable_since=None if fault is None else fault.since,
            redis_error=None if fault is None else fault.words,
            newest_update=self.newest_update,
            undecodable=self.undecodable,
            release_rejected=self._notices.rejection(),
            live_fault=self._notices.fault(),
            labels=self._labels,
        )

    def messages_since(self, known: int, status: LiveStatus) -> Iterator[bytes]:
        """Yield the messages that update a browser from the revision `known` to the current one.

        Each message is created on demand, so that a slow browser never has more than one waiting. The messages may or
        may not contain changes made during the iteration. The caller must count those as not sent; sending them again
        does no harm.

        Parameters
        ----------
        known : int
            The last revision that the browser received completely; 0 for none.
        status : LiveStatus
            The status to send.

        Yields
        ------
        bytes
            The JSON of a `BrowserUpdate`; at least one.
        """
        snapshot = known < self._snapshot_before
        known = 0 if snapshot else known
        names = tuple(self._changed_since(known))
        size = self._limits.devices_per_message
        for first in range(0, max(len(names), 1), size):
            page = [self._devices.get(name) for name in names[first : first + size]]
            yield msgspec.json.encode(
                BrowserUpdate(
                    now=self.clock.wall_us(),
                    history_seconds=self._history_seconds,
                    status=status,
                    snapshot=names if snapshot and first == 0 else None,
                    removed=() if snapshot or first else self._removed_since(known),
                    styles=() if first else tuple(style for at, style in self._styles.values() if at > known),
                    devices=[history.changes(known) for history in page if history is not None],
                )
            )

    def _decode(self, message: bytes) -> LiveUpdate | None:
        try:
            return read_update(message)
        except InvalidUpdateError as error:
            self.undecodable += 1
            self._log.warn("unreadable", "rejected a message from Redis: %s", error)
            return None

    def _apply(self, update: LiveUpdate, seen: int) -> bool:
        device = update.prediction.device
        history = self._devices.get(device)
        if history is None:
            history = DeviceHistory(
                device,
                history_us=int(self._history_seconds * MICROSECONDS),
                trace_us=int(self._limits.trace_seconds * MICROSECONDS),
                max_windows=int(self._history_seconds * WINDOWS_PER_SECOND) + 1,
            )
        revision = self.revision + 1
        if not history.apply(update, seen=seen, revision=revision):
            return False
        self.revision = revision
        self._add_style(update.prediction.activity)
        self._removed.pop(device, None)
        self._devices[device] = history
        self._devices.move_to_end(device)
        if len(self._devices) > self._limits.max_devices:
            self._forget(next(iter(self._devices)))
        return True

    def _forget(self, device: str) -> None:
        del self._devices[device]
        self.revision += 1
        self._removed[device] = self.revision
        if len(self._removed) > 2 * self._limits.max_devices:
            _, revision = self._removed.popitem(last=False)
            self._snapshot_before = revision

    def _changed_since(self, known: int) -> list[str]:
        changed = []
        for device, history in reversed(self._devices.items()):
            if history.revision <= known:
                break
            changed.append(device)
        return changed[::-1]

    def _removed_since(self, known: int) -> tuple[str, ...]:
        return tuple(device for device, revision in self._removed.items() if revision > known)

    def _add_style(self, activity: str) -> None:
        if activity not in self._styles and len(self._styles) < MAX_STYLES:
            self._styles[activity] = (self.revision, activity_style(activity))

    def _releases_in_use(self) -> tuple[str, ...]:
        active_since = self.clock.wall_us() - ACTIVE_US
        releases: Counter[str] = Counter()
        for history in reversed(self._devices.values()):
            if history.seen >= active_since:
                releases[history.release] += 1
        return tuple(release for release, _ in releases.most_common(MAX_RELEASES_SHOWN))
