"""What bounds the dashboard's memory and patience."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class BrowserLimits:
    """Bounds of the live state and of what a browser may cost.

    Attributes
    ----------
    delta_interval : float
        Seconds between two looks for changes to send: changes in between are sent together.
    heartbeat : float
        Seconds after which a browser gets the status even if no device changed.
    browser_timeout : float
        Seconds in which a browser must have taken a message; one that has not is dropped.
    devices_a_message : int
        Devices in one WebSocket message, which bounds what is in flight to a slow browser.
    max_devices : int
        Devices kept; when a further one appears, the one that changed longest ago is forgotten.
    device_expiry : float
        Seconds of silence after which a device is forgotten.
    trace_seconds : float
        Acceleration kept for each device, in seconds of event time.
    shutdown : float
        Seconds that browsers have to say goodbye when the server stops.
    """

    delta_interval: float = 0.2
    heartbeat: float = 1.0
    browser_timeout: float = 20.0
    devices_a_message: int = 32
    max_devices: int = 2_000
    device_expiry: float = 600.0
    trace_seconds: float = 12.0
    shutdown: float = 1.0
