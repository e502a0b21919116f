"""The live state of all devices, and what a browser that knows an older revision of it has to be told.

Nothing is queued for a browser: it holds the revision that it was told last, and is told the difference
whenever it can take it. However slow it is, it costs one number and what is in flight to it.
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
from dashboard.throughput import Throughput
from har.activities import ActivityStyle, activity_style
from har.predictions import LiveUpdate
from har.process.limited_log import LimitedLog
from har.release_rejections import ReleaseRejected, decode_rejected

logger = logging.getLogger(__name__)

MAX_STYLES = 256
MAX_RELEASES_SHOWN = 8
#: A device that gave a sign in this time counts for the releases in use.
ACTIVE_US = 60_000_000
#: Windows kept for each second of history: the usual hop is 1 s.
WINDOWS_A_SECOND = 4
SECOND_US = 1_000_000
#: A processor that rejects an update says so each time that it asks again, at the latest after 15 s.
REJECTED_SECONDS = 30.0
MAX_WORKERS = 256


@dataclass(frozen=True)
class Clock:
    """The clocks that the live state reads: wall clock (µs since the epoch) and monotonic (s)."""

    wall_us: Callable[[], int] = lambda: time.time_ns() // 1_000
    monotonic: Callable[[], float] = time.monotonic


class LiveState:
    """All devices' recent past, with a revision that grows with every change.

    Parameters
    ----------
    history_seconds : float
        Event time of the timelines.
    limits : BrowserLimits
        Bounds.
    clock : Clock, optional
        Where the time comes from.
    labels : tuple of ActivityStyle
        What browsers may say that a device's wearer does.
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
        self.redis_unavailable_since: int | None = None
        self._labels = labels
        self._history_seconds = history_seconds
        self._limits = limits
        self._devices: OrderedDict[str, DeviceHistory] = OrderedDict()  # the longest unchanged first
        self._removed: OrderedDict[str, int] = OrderedDict()
        self._snapshot_before = 1  # who knows less than this revision needs a snapshot
        self._styles: OrderedDict[str, tuple[int, ActivityStyle]] = OrderedDict()
        self._rejected: OrderedDict[str, tuple[float, ReleaseRejected]] = OrderedDict()
        self._throughput = Throughput(self.clock.monotonic())
        self._log = LimitedLog(logger, lines=1, clock=self.clock.monotonic)

    def __len__(self) -> int:
        """Return the number of devices kept."""
        return len(self._devices)

    def receive(self, message: bytes) -> bool:
        """Take in a message of the live channel: one that just happened.

        Returns
        -------
        bool
            Whether it changed anything. Unreadable messages are counted, and logged at a limited rate.
        """
        update = self._decode(message)
        if update is None or not self._apply(update, seen=self.clock.wall_us()):
            return False
        latency_ms = (update.published - update.prediction.arrived) / 1_000
        self._throughput.add(latency_ms, self.clock.monotonic())
        return True

    def restore(self, message: bytes) -> bool:
        """Take in a device's latest update as Redis kept it: one that may have happened a while ago."""
        update = self._decode(message)
        if update is None:
            return False
        return self._apply(update, seen=min(update.published, self.clock.wall_us()))

    def receive_rejected(self, message: bytes) -> None:
        """Take in what a processor says when it does not take an update of its release."""
        try:
            rejected = decode_rejected(message)
        except ValueError as error:
            self.undecodable += 1
            self._log.warn("unreadable", "rejected a message from Redis: %s", error)
            return
        self._rejected.pop(rejected.worker, None)
        self._rejected[rejected.worker] = (self.clock.monotonic(), rejected)
        if len(self._rejected) > MAX_WORKERS:
            self._rejected.popitem(last=False)

    def forget_silent(self) -> None:
        """Forget the devices that have been silent for too long."""
        oldest = self.clock.wall_us() - int(self._limits.device_expiry * SECOND_US)
        for device in [name for name, history in self._devices.items() if history.seen < oldest]:
            self._forget(device)

    def redis_answers(self) -> None:
        """Note that Redis is there."""
        self.redis_unavailable_since = None

    def redis_failed(self) -> None:
        """Note that Redis is not there; the time of the first such note in a row counts."""
        if self.redis_unavailable_since is None:
            self.redis_unavailable_since = self.clock.wall_us()

    def status(self) -> LiveStatus:
        """Return the figures of the page's header."""
        now = self.clock.monotonic()
        p50, p99 = (self._throughput.latency_ms(quantile, now) for quantile in (0.5, 0.99))
        return LiveStatus(
            devices=len(self._devices),
            windows_per_second=round(self._throughput.windows_per_second(now), 1),
            latency_p50=p50 if p50 is None else round(p50, 1),
            latency_p99=p99 if p99 is None else round(p99, 1),
            releases=self._releases_in_use(),
            redis_unavailable_since=self.redis_unavailable_since,
            undecodable=self.undecodable,
            release_rejected=self._rejected_lately(),
            labels=self._labels,
        )

    def messages_since(self, known: int, status: LiveStatus) -> Iterator[bytes]:
        """Yield the messages that bring a browser from the revision `known` to the present one.

        Each message is made when it is asked for, so that a slow browser never has more than one waiting.
        Changes made meanwhile may or may not be in them: they count as not told, and telling twice does
        no harm.

        Parameters
        ----------
        known : int
            The revision of which the browser was told everything; 0 if nothing.
        status : LiveStatus
            The header's figures.

        Yields
        ------
        bytes
            The JSON of a `BrowserUpdate`; at least one.
        """
        snapshot = known < self._snapshot_before
        known = 0 if snapshot else known
        names = tuple(self._changed_since(known))
        size = self._limits.devices_a_message
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
                history_us=int(self._history_seconds * SECOND_US),
                trace_us=int(self._limits.trace_seconds * SECOND_US),
                max_windows=int(self._history_seconds * WINDOWS_A_SECOND) + 1,
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

    def _rejected_lately(self) -> str | None:
        since = self.clock.monotonic() - REJECTED_SECONDS
        lately = [rejected for at, rejected in self._rejected.values() if at >= since]
        if not lately:
            return None
        who = "A processor does" if len(lately) == 1 else f"{len(lately)} processors do"
        newest = lately[-1]
        return f"{who} not take a new release: {newest.detail}. {newest.serving} classifies on."
