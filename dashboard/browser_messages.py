"""What the server tells a browser, as JSON text frames.

A browser gets a *snapshot* when it connects, then *deltas*. A long one is split: each message is complete
JSON of type `BrowserUpdate` with at most `dashboard.limits.BrowserLimits.devices_a_message` devices. Times are
in µs since the epoch; those of windows and traces are event times by the device's clock, all others are by
the server's. Applying a message twice has the effect of applying it once.
"""

import msgspec

from har.activities import ActivityStyle


class LiveStatus(msgspec.Struct, frozen=True):
    """The header of the page.

    Attributes
    ----------
    devices : int
        Devices kept, the silent ones included.
    windows_per_second : float
        Distinct windows classified a second, over the last ten seconds.
    latency_p50, latency_p99 : float or None
        Milliseconds from the arrival of the batch that completed a window to its confirmed publication,
        over the windows of the last minute; ``None`` without any.
    releases : tuple of str
        Releases behind the devices' newest predictions, the most used first.
    redis_unavailable_since : int or None
        Since when Redis has not answered; ``None`` when it does.
    undecodable : int
        Messages from Redis that could not be read since the server started.
    release_rejected : str or None
        Why processors do not take an update of their release, and what classifies on; ``None`` if nothing was rejected
        lately.
    labels : tuple of ActivityStyle
        What the page may say that a device's wearer does; if anything, it may also add phones.
    """

    devices: int
    windows_per_second: float
    latency_p50: float | None
    latency_p99: float | None
    releases: tuple[str, ...]
    redis_unavailable_since: int | None
    undecodable: int
    release_rejected: str | None = None
    labels: tuple[ActivityStyle, ...] = ()


class TimelineEntry(msgspec.Struct, frozen=True, array_like=True):
    """One window in the timeline: its bounds (µs), its steady activity and the confidence."""

    start: int
    end: int
    activity: str
    confidence: float


class TraceChunk(msgspec.Struct, frozen=True):
    """Acceleration in m/s² from `start` (µs) on, one step every `period` µs."""

    start: int
    period: int
    x: list[float]
    y: list[float]
    z: list[float]


class DeviceChanges(msgspec.Struct, frozen=True):
    """What is new about one device.

    Attributes
    ----------
    complete : bool
        Whether this replaces all that was known about the device.
    activity, since, confidence
        The steady activity, the event time since which it holds, and its confidence (0 to 1).
    newest : int
        Event time of the end of the newest window.
    seen : int
        When the last update came, by the server's clock.
    windows : list of TimelineEntry
        Windows that are new or whose activity changed, oldest first.
    trace : list of TraceChunk, encoded
        New acceleration, oldest first.
    """

    device: str
    complete: bool
    session: str
    release: str
    activity: str
    since: int
    confidence: float
    newest: int
    seen: int
    windows: list[TimelineEntry]
    trace: list[msgspec.Raw]


class BrowserUpdate(msgspec.Struct, frozen=True, omit_defaults=True):
    """One WebSocket message to a browser.

    Attributes
    ----------
    now : int
        The server's clock when the message was made.
    history_seconds : float
        How much of the timeline is kept.
    snapshot : tuple of str or None
        In the first message of a snapshot, the names of all devices: the browser forgets all others.
    removed : tuple of str
        Devices that are no longer kept.
    styles : tuple of ActivityStyle
        How to show the activities that the browser may not know yet.
    devices : list of DeviceChanges, encoded
        The devices that changed.
    """

    now: int
    history_seconds: float
    status: LiveStatus
    snapshot: tuple[str, ...] | None = None
    removed: tuple[str, ...] = ()
    styles: tuple[ActivityStyle, ...] = ()
    devices: list[msgspec.Raw] = []
