"""Rate limits: messages per second of each device and of all devices together."""

from collections import OrderedDict
from collections.abc import Callable

#: Largest number of devices to remember; the least recently active one is dropped first.
MAX_DEVICES = 20_000
#: Burst of one device: as many messages as its rate allows in this time. A phone needs it to catch up after a pause.
BURST_SECONDS = 20.0


class Pace:
    """A rate limit that holds on average (the generic cell rate algorithm of ITU-T I.371).

    Parameters
    ----------
    per_second : float
        Messages per second, on average.
    burst_seconds : float
        As many messages as the rate allows in this time may arrive at once.

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
        """Count one message; return how long it must wait, s."""
        self._due = max(self._due, now) + self._interval
        return max(0.0, self._due - now - self._burst)

    def has_room(self, *, now: float) -> bool:
        """Return whether a message could pass now without waiting."""
        return max(self._due, now) + self._interval - now <= self._burst


class Paces:
    """The rate limits of each device and of all devices together.

    Parameters
    ----------
    per_device, in_all : float
        Messages per second of one device, and of all together.
    clock : callable
        Returns a monotonic time, s.
    burst_seconds : float
        Burst of one device; see `Pace`.
    """

    def __init__(
        self,
        per_device: float,
        in_all: float,
        *,
        clock: Callable[[], float],
        burst_seconds: float = BURST_SECONDS,
    ) -> None:
        self._per_device = per_device
        self._burst_seconds = burst_seconds
        self._all = Pace(in_all, burst_seconds=1.0)
        self._devices: OrderedDict[str, Pace] = OrderedDict()
        self._clock = clock

    def take(self, device: str) -> float:
        """Count a message of a device; return how long it must wait, s."""
        now = self._clock()
        return max(self._of(device).take(now=now), self._all.take(now=now))

    def try_take(self, device: str) -> bool:
        """Count a message of a device if it can pass without waiting; return whether it was counted."""
        now = self._clock()
        if not (self._of(device).has_room(now=now) and self._all.has_room(now=now)):
            return False
        self.take(device)
        return True

    def _of(self, device: str) -> Pace:
        pace = self._devices.get(device)
        if pace is None:
            pace = self._devices[device] = Pace(self._per_device, burst_seconds=self._burst_seconds)
            if len(self._devices) > MAX_DEVICES:
                self._devices.popitem(last=False)
        self._devices.move_to_end(device)
        return pace
