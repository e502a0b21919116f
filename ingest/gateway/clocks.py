"""How far each device's clock is from the gateway's, from when its readings were measured and when they came.

A batch arrives after its newest reading was measured, by the batch's way and waiting. So of the differences between
the two clocks, the smallest of a while is closest to the clocks' own difference; what is left in it is the shortest
way that a batch took, which on a phone is some tens of milliseconds.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field

#: Devices remembered; the one silent for longest is forgotten first.
MAX_DEVICES = 20_000
#: Batches that are looked back on: a clock that drifts, or is set, is followed after as many.
REMEMBERED = 60


@dataclass
class _Heard:
    session: str
    arrived: int
    differences: deque[int] = field(default_factory=lambda: deque(maxlen=REMEMBERED))


@dataclass(frozen=True)
class DeviceClock:
    """What is known of a device's clock.

    Attributes
    ----------
    session : str
        The session that its newest batch belongs to.
    behind : int
        What the gateway's clock shows more than the device's, µs.
    heard : int
        When its newest batch came, by the gateway's clock, µs.
    """

    session: str
    behind: int
    heard: int

    def event_time(self, now: int) -> int:
        """Return what the device's clock shows when the gateway's shows `now`, µs."""
        return now - self.behind


class DeviceClocks:
    """The clocks of the devices that a gateway hears."""

    def __init__(self) -> None:
        self._heard: OrderedDict[str, _Heard] = OrderedDict()

    def note(self, device: str, session: str, *, newest: int, arrived: int) -> None:
        """Take a batch's newest event time, and when it came, µs."""
        heard = self._heard.get(device)
        if heard is None or heard.session != session:
            if heard is not None and newest < arrived - heard.differences[-1] - 60_000_000:
                return  # an older session's readings, sent late
            heard = self._heard[device] = _Heard(session, arrived)
            if len(self._heard) > MAX_DEVICES:
                self._heard.popitem(last=False)
        heard.arrived = arrived
        heard.differences.append(arrived - newest)
        self._heard.move_to_end(device)

    def of(self, device: str) -> DeviceClock | None:
        """Return a device's clock; None if nothing of it was heard."""
        heard = self._heard.get(device)
        return None if heard is None else DeviceClock(heard.session, min(heard.differences), heard.arrived)
