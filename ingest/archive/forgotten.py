"""Forgotten devices: keeps their old messages, which Kafka may still hold, out of the archive."""

from collections.abc import Iterable, Mapping

from har import topics
from ingest.archive.keys import key_of

#: Old messages of a device may still appear for this long, µs: phones send up to 7 days late, then Kafka keeps them.
KEPT_US = (topics.LABELS.retention_ms + 10 * topics.DAY_MS) * 1000


class Forgotten:
    """Digests of forgotten devices and of their sessions, each with the time of forgetting, µs since the epoch.

    A message of a forgotten device is kept out in three cases: it reached the gateway before that time; it contains
    event times before that time; or its session was archived or kept out earlier. A device that comes back with a new
    session is archived again.
    """

    def __init__(self) -> None:
        self._devices: dict[str, int] = {}
        self._sessions: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._devices)

    @property
    def devices(self) -> Mapping[str, int]:
        """Time of forgetting of each device, µs since the epoch, by the device's digest."""
        return self._devices

    @property
    def sessions(self) -> Mapping[str, int]:
        """Time of forgetting of each session, µs since the epoch, by the session's digest."""
        return self._sessions

    def forget(self, device: str, sessions: Iterable[str], now_us: int) -> None:
        """Keep out a device's messages from before `now_us`.

        Parameters
        ----------
        device : str
            The device's name.
        sessions : iterable of str
            Names of its archived sessions.
        now_us : int
            Current time, µs since the epoch.
        """
        self._devices[key_of(device)] = now_us
        self._sessions.update((key_of(device, session), now_us) for session in sessions)

    def merge(self, devices: Mapping[str, int], sessions: Mapping[str, int]) -> None:
        """Add digests that a commit carries; the later time counts."""
        for known, added in ((self._devices, devices), (self._sessions, sessions)):
            for key, at in added.items():
                known[key] = max(at, known.get(key, at))

    def keeps_out(self, device: str, session: str, *, arrived: int, oldest: int) -> bool:
        """Return whether a message must not be archived.

        Parameters
        ----------
        device, session : str
            Names of the message's device and session.
        arrived : int
            Time at which it reached the gateway, µs since the epoch.
        oldest : int
            Its earliest event time, µs since the epoch.
        """
        if not self._devices or (at := self._devices.get(key_of(device))) is None:
            return False
        key = key_of(device, session)
        if key in self._sessions:
            return True
        if arrived < at or oldest < at:
            self._sessions[key] = at  # keeps out later messages of the session, too
            return True
        return False

    def drop_old(self, now_us: int) -> None:
        """Drop devices and sessions of which no old message can appear any more."""
        for kept in (self._devices, self._sessions):
            for key in [key for key, at in kept.items() if now_us - at > KEPT_US]:
                del kept[key]
