"""Who signs what: the roles of a store, where their keys are, and for how long a signature counts."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

Role = Literal["root", "targets", "releases", "channels", "snapshot", "timestamp"]

ROOT: Role = "root"
TARGETS: Role = "targets"
RELEASES: Role = "releases"
CHANNELS: Role = "channels"
SNAPSHOT: Role = "snapshot"
TIMESTAMP: Role = "timestamp"

#: Sign seldom, and never where a network reaches them.
OFFLINE: tuple[Role, ...] = (ROOT, TARGETS)
#: Sign unattended: what they may sign is limited by what the offline ones say.
ONLINE: tuple[Role, ...] = (RELEASES, CHANNELS, SNAPSHOT, TIMESTAMP)
ROLES: tuple[Role, ...] = (*OFFLINE, *ONLINE)

#: What a delegated role may sign; ``*`` stands for one part of a path.
DELEGATED: dict[Role, str] = {RELEASES: "releases/*/*", CHANNELS: "channels/*"}


@dataclass(frozen=True)
class Lifetimes:
    """For how long a role's signature counts.

    Attributes
    ----------
    offline : timedelta
        Of root and targets: somebody has to fetch their keys by then.
    delegated : timedelta
        Of releases and channels.
    snapshot, timestamp : timedelta
        A device that is kept from news finds out when these are over.
    """

    offline: timedelta = timedelta(days=365)
    delegated: timedelta = timedelta(days=90)
    snapshot: timedelta = timedelta(days=7)
    timestamp: timedelta = timedelta(days=1)

    def of(self, role: Role) -> timedelta:
        """Return a role's."""
        if role in OFFLINE:
            return self.offline
        if role in DELEGATED:
            return self.delegated
        return self.snapshot if role == SNAPSHOT else self.timestamp
