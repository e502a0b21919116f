"""How many messages a second a device, and all together, may send; beyond that their sockets are read no faster."""

from collections import OrderedDict
from collections.abc import Callable

#: Devices remembered; the one silent for longest is forgotten first.
MAX_DEVICES = 20_000
#: What may come at once: as many messages as in this time. A phone that was offline catches up with it.
BURST_SECONDS = 20.0


class Pace:
    """A rate that is kept on average (the generic cell rate algorithm of ITU-T I.371).

    Parameters
    ----------
    per_second : float
        In the long run.
    burst_seconds : float
        As many as in this time may come at once.

    Examples
    --------
    >>> pace = Pace(2, burst_seconds=1)
    >>> [pace.take(now=0.0) for _ in range(4)]
    [0.0, 0.0, 0.5, 1.0]
    """

    def __init__(self, per_second: float, *, burst_seconds: float) -> None:
        self._interval = 1 / per_second
        self._burst = max(burst_seconds, self._interval)
        self._due = 0.0

    def take(self, *, now: float) -> float:
        """Count one message; return how long it has to wait, s."""
        self._due = max(self._due, now) + self._interval
        return max(0.0, self._due - now - self._burst)

    def has_room(self, *, now: float) -> bool:
        """Tell whether a message that came now would not have to wait."""
        return max(self._due, now) + self._interval - now <= self._burst


class Paces:
    """The pace of each device and of all.

    Parameters
    ----------
    per_device, in_all : float
        Messages a second.
    clock : callable
        Seconds.
    """

    def __init__(self, per_device: float, in_all: float, *, clock: Callable[[], float]) -> None:
        self._per_device = per_device
        self._all = Pace(in_all, burst_seconds=1.0)
        self._devices: OrderedDict[str, Pace] = OrderedDict()
        self._clock = clock

    def take(self, device: str) -> float:
        """Count a message of a device; return how long it has to wait, s."""
        now = self._clock()
        return max(self._of(device).take(now=now), self._all.take(now=now))

    def try_take(self, device: str) -> bool:
        """Count a message of a device if it need not wait; return whether it was counted."""
        now = self._clock()
        if not (self._of(device).has_room(now=now) and self._all.has_room(now=now)):
            return False
        self.take(device)
        return True

    def _of(self, device: str) -> Pace:
        pace = self._devices.get(device)
        if pace is None:
            pace = self._devices[device] = Pace(self._per_device, burst_seconds=BURST_SECONDS)
            if len(self._devices) > MAX_DEVICES:
                self._devices.popitem(last=False)
        self._devices.move_to_end(device)
        return pace
