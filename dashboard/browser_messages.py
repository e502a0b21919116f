"""The messages from the server to a browser, as JSON text frames.

A browser gets a *snapshot* when it connects, then *deltas*. A snapshot or delta may be split into several messages.
Each message is a complete `BrowserUpdate` with at most `dashboard.limits.BrowserLimits.devices_per_message` devices.
Messages are idempotent: applying one twice has the effect of applying it once.

Times are in µs since the Unix epoch. Times of windows and traces are event times by the device's clock; all others are
by the server's clock.
"""

import msgspec

from dashboard.upright_progress import UprightProgress
from har.activity_styles import ActivityStyle


class LiveStatus(msgspec.Struct, frozen=True):
    """The figures and notices at the top of the page.

    Attributes
    ----------
    devices : int
        Number of kept devices, including silent ones.
    windows_per_second : float
        Windows received per second, without repeats, over the last ten seconds.
    latency_p50, latency_p99 : float or None
        Percentiles of the time from the arrival of the batch that completed a window to the confirmation of its
        prediction by Kafka, ms, over the windows of the last minute; None after ten seconds without one.
    releases : tuple of str
        Releases of the active devices' newest predictions, the most used first.
    redis_unavailable_since : int or None
        When Redis became unavailable, µs; None if it is available.
    redis_error : str or None
        What Redis, or its client, said last; None if it is available.
    newest_update : int or None
        When the last new update arrived on the live channel, µs; None before the first.
    undecodable : int
        Number of invalid messages from Redis since the server started.
    release_rejected : str or None
        A notice that processors rejected an update of their release: the reason, and the release that they still use.
        None without a recent rejection.
    live_fault : str or None
        A notice that processors cannot keep the latest predictions in Redis. None without a recent fault.
    labels : tuple of ActivityStyle
        The activities that the page offers as labels. Empty without a gateway; the page then cannot add phones either.
    """

    devices: int
    windows_per_second: float
    latency_p50: float | None
    latency_p99: float | None
    releases: tuple[str, ...]
    redis_unavailable_since: int | None
    undecodable: int
    redis_error: str | None = None
    newest_update: int | None = None
    release_rejected: str | None = None
    live_fault: str | None = None
    labels: tuple[ActivityStyle, ...] = ()


class TimelineEntry(msgspec.Struct, frozen=True, array_like=True):
    """One window in the timeline.

    Attributes
    ----------
    start, end : int
        Its bounds, event time, µs.
    activity : str
        Its steady activity.
    confidence : float
        0 to 1.
    reason : str or None
        Why it was not classified, if the steady activity is unknown; None if it was.
    kind : str or None
        What it shows, in words, if the steady activity is unknown and a kind of background is probable enough.
    """

    start: int
    end: int
    activity: str
    confidence: float
    reason: str | None = None
    kind: str | None = None


class TraceChunk(msgspec.Struct, frozen=True):
    """Acceleration in m/s². The first value is at `start` (event time, µs); the others follow every `period` µs."""

    start: int
    period: int
    x: list[float]
    y: list[float]
    z: list[float]


class DeviceChanges(msgspec.Struct, frozen=True):
    """The changes of one device.

    Attributes
    ----------
    device : str
        The device's identifier.
    complete : bool
        Whether the browser must first drop everything that it knows about the device.
    session : str
        The device's current session.
    release : str
        The release of the newest prediction.
    activity : str
        The steady activity.
    since : int
        Event time when the steady activity began, µs.
    confidence : float
        Confidence of the steady activity, 0 to 1.
    reason : str or None
        Why the steady activity is unknown, if the readings tell too little (`har.signal_quality.Reason`, or a reason of
        a later version).
    kind : str or None
        What is shown instead of an activity, in words, such as "lying still on a table", if the steady activity is
        unknown and a kind of background is probable enough.
    upright : UprightProgress or None
        What the session knows about upright; None if that is not known, or the release does not use it.
    personal : bool
        Whether the device's personal head corrected the newest window that was classified.
    newest : int
        Event time of the end of the newest window, µs.
    seen : int
        When the last update arrived, µs by the server's clock. For an update that Redis kept: when it was published.
    arrived : int
        When the last reading of the newest prediction arrived at the gateway, µs by the gateway's clock.
    windows : list of TimelineEntry
        New windows and windows whose activity changed, oldest first.
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
    reason: str | None
    kind: str | None
    upright: UprightProgress | None
    personal: bool
    newest: int
    seen: int
    arrived: int
    windows: list[TimelineEntry]
    trace: list[msgspec.Raw]


class BrowserUpdate(msgspec.Struct, frozen=True, omit_defaults=True):
    """One WebSocket message to a browser.

    Attributes
    ----------
    now : int
        The time by the server's clock when the message was made, µs.
    history_seconds : float
        Length of the timelines, s of event time.
    status : LiveStatus
        The figures and notices at the top of the page.
    snapshot : tuple of str or None
        The names of all devices, in the first message of a snapshot; the browser removes all other devices. None in all
        other messages.
    removed : tuple of str
        Devices that the server no longer keeps.
    styles : tuple of ActivityStyle
        Styles of activities that the browser may not know yet.
    devices : list of DeviceChanges, encoded
        The changed devices.
    """

    now: int
    history_seconds: float
    status: LiveStatus
    snapshot: tuple[str, ...] | None = None
    removed: tuple[str, ...] = ()
    styles: tuple[ActivityStyle, ...] = ()
    devices: list[msgspec.Raw] = []
