"""Estimates of the offset between each device's clock and the gateway's, from event times and arrival times.

A batch arrives some time after its newest reading was measured, because of buffering and transmission. The difference
between arrival time and event time is therefore the clock offset plus this delay. The smallest difference of recent
batches is the best estimate of the offset; it is too large by the shortest delay, some tens of milliseconds on a phone.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field

#: Largest number of devices to remember; the least recently active one is dropped first.
MAX_DEVICES = 20_000
#: Number of recent batches for the estimate, which follows a drifting or changed clock after so many batches.
REMEMBERED = 60


@dataclass
class _ClockHistory:
    session: str
    arrived: int
    differences: deque[int] = field(default_factory=lambda: deque(maxlen=REMEMBERED))


@dataclass(frozen=True)
class DeviceClock:
    """The estimated offset of a device's clock.

    Attributes
    ----------
    session : str
        The device's current session.
    behind : int
        How far the device's clock is behind the gateway's, µs; negative if it is ahead.
    last_arrival : int
        When the newest batch of the session arrived, by the gateway's clock, µs since the epoch.
    """

    session: str
    behind: int
    last_arrival: int

    def event_time(self, now: int) -> int:
        """Return the time of the device's clock when the gateway's clock shows `now`, µs since the epoch."""
        return now - self.behind


class DeviceClocks:
    """The clock offsets of the devices that send to this gateway."""

    def __init__(self) -> None:
        self._histories: OrderedDict[str, _ClockHistory] = OrderedDict()

    def note(self, device: str, session: str, *, newest: int, arrived: int) -> None:
        """Record a batch's newest event time and its arrival time, µs since the epoch."""
        history = self._histories.get(device)
        if history is None or history.session != session:
            if history is not None and newest < arrived - history.differences[-1] - 60_000_000:
                return  # late readings of an earlier session
            history = self._histories[device] = _ClockHistory(session, arrived)
            if len(self._histories) > MAX_DEVICES:
                self._histories.popitem(last=False)
        history.arrived = arrived
        history.differences.append(arrived - newest)
        self._histories.move_to_end(device)

    def of(self, device: str) -> DeviceClock | None:
        """Return a device's clock offset; None if no batch of the device has arrived."""
        history = self._histories.get(device)
        return None if history is None else DeviceClock(history.session, min(history.differences), history.arrived)
