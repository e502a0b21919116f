"""The limits of the dashboard's memory and waiting times."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class BrowserLimits:
    """Limits of the live state and of the resources for each browser.

    Attributes
    ----------
    delta_interval : float
        Time between two checks for changes, s. All changes in between are sent together.
    heartbeat : float
        Interval at which every browser gets the status, even if no device changed, s.
    browser_timeout : float
        Time within which a browser must read a message, s. A slower browser is dropped.
    devices_per_message : int
        Maximum number of devices in a WebSocket message. It limits the data in flight to a slow browser.
    max_devices : int
        Maximum number of devices kept. A further device replaces the one that changed longest ago.
    device_expiry : float
        Time without an update after which a device is removed, s.
    trace_seconds : float
        Length of the acceleration kept for each device, s of event time.
    shutdown : float
        Time for browsers and requests to end when the server stops, s.
    """

    delta_interval: float = 0.2
    heartbeat: float = 1.0
    browser_timeout: float = 20.0
    devices_per_message: int = 32
    max_devices: int = 2_000
    device_expiry: float = 600.0
    trace_seconds: float = 12.0
    shutdown: float = 1.0
