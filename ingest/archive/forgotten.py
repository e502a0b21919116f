"""Devices that were forgotten: what keeps their old messages, which Kafka may still hold, out of the archive."""

from collections.abc import Iterable, Mapping

from har import topics
from ingest.archive.keys import key_of

#: How long a device's old messages may come back, µs: phones send up to 7 days late, and Kafka keeps them after that.
KEPT_US = (topics.LABELS.retention_ms + 10 * topics.DAY_MS) * 1000


class Forgotten:
    """Digests of forgotten devices and of their sessions, each with when they were forgotten, µs.

    A message of a forgotten device is kept out if it reached the gateway before, if it tells of a time before, or if it
    is of a session that was archived, or kept out, before. So a device that comes back with a new session is archived.
    """

    def __init__(self) -> None:
        self._devices: dict[str, int] = {}
        self._sessions: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._devices)

    @property
    def devices(self) -> Mapping[str, int]:
        """When each device was forgotten, by its digest."""
        return self._devices

    @property
    def sessions(self) -> Mapping[str, int]:
        """The same of the sessions."""
        return self._sessions

    def forget(self, device: str, sessions: Iterable[str], now_us: int) -> None:
        """Keep out a device's messages from before now.

        Parameters
        ----------
        device : str
            Its name.
        sessions : iterable of str
            The names of its sessions.
        """
        self._devices[key_of(device)] = now_us
        self._sessions.update((key_of(device, session), now_us) for session in sessions)

    def merge(self, devices: Mapping[str, int], sessions: Mapping[str, int]) -> None:
        """Take up what a commit tells."""
        for mine, theirs in ((self._devices, devices), (self._sessions, sessions)):
            for key, at in theirs.items():
                mine[key] = max(at, mine.get(key, at))

    def keeps_out(self, device: str, session: str, *, arrived: int, oldest: int) -> bool:
        """Tell whether a message is not to be archived.

        Parameters
        ----------
        arrived : int
            When it reached the gateway, µs.
        oldest : int
            The first time that it tells of, µs.
        """
        if not self._devices or (at := self._devices.get(key_of(device))) is None:
            return False
        key = key_of(device, session)
        if key in self._sessions:
            return True
        if arrived < at or oldest < at:
            self._sessions[key] = at  # what its session sends later is kept out, too
            return True
        return False

    def drop_old(self, now_us: int) -> None:
        """Drop those whose messages cannot come any more."""
        for kept in (self._devices, self._sessions):
            for key in [key for key, at in kept.items() if now_us - at > KEPT_US]:
                del kept[key]
