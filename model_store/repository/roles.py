"""The TUF roles of a store: what each may sign, whether its key is offline, and the lifetime of its signatures."""

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

#: Roles that sign rarely. Their keys are kept offline.
OFFLINE: tuple[Role, ...] = (ROOT, TARGETS)
#: Roles that sign unattended. The offline roles limit what they may sign.
ONLINE: tuple[Role, ...] = (RELEASES, CHANNELS, SNAPSHOT, TIMESTAMP)
ROLES: tuple[Role, ...] = (*OFFLINE, *ONLINE)

#: Paths that each delegated role may sign. ``*`` matches one part of a path.
DELEGATED: dict[Role, str] = {RELEASES: "releases/*/*", CHANNELS: "channels/*"}


@dataclass(frozen=True)
class Lifetimes:
    """Lifetimes of the roles' signatures.

    Attributes
    ----------
    offline : timedelta
        Lifetime for root and targets. A person must renew them with the offline keys.
    delegated : timedelta
        Lifetime for releases and channels.
    snapshot, timestamp : timedelta
        Lifetimes for snapshot and timestamp. They bound how long an attacker can withhold updates unnoticed.
    """

    offline: timedelta = timedelta(days=365)
    delegated: timedelta = timedelta(days=90)
    snapshot: timedelta = timedelta(days=7)
    timestamp: timedelta = timedelta(days=1)

    def of(self, role: Role) -> timedelta:
        """Return the lifetime of a role's signatures."""
        if role in OFFLINE:
            return self.offline
        if role in DELEGATED:
            return self.delegated
        return self.snapshot if role == SNAPSHOT else self.timestamp
