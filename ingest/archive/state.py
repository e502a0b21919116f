"""What an archiver knows besides the rows, as the commits of a table carry it from one process to the next."""

from dataclasses import dataclass, field

import msgspec

from ingest.archive.forgotten import Forgotten
from ingest.archive.seen import SeenEntry, SeenNumbers
from ingest.archive.tables import CHECKPOINT_COMMITS, ArchiveTable, TableKind


class StateChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a commit carries.

    Attributes
    ----------
    seen : list of SeenEntry
        What was archived with it; everything that is remembered, if it is whole.
    devices, sessions : dict of str to int
        What is forgotten: digests, and since when, µs.
    deleted_before : str or None
        The first day that is kept, if older ones were deleted.
    topic : str or None
        The identity of Kafka's topic: another one of the same name begins with other offsets.
    whole : bool
        Whether nothing from before is needed.
    """

    seen: list[SeenEntry] = []
    devices: dict[str, int] = {}
    sessions: dict[str, int] = {}
    deleted_before: str | None = None
    topic: str | None = None
    whole: bool = False


@dataclass
class TableState:
    """What is known of a table besides its rows.

    Attributes
    ----------
    seen : SeenNumbers
        What was archived.
    forgotten : Forgotten
        Who was forgotten.
    deleted_before, topic : str or None
        See `StateChange`.
    """

    seen: SeenNumbers
    forgotten: Forgotten = field(default_factory=Forgotten)
    deleted_before: str | None = None
    topic: str | None = None
    _whole_at: int = 0

    @classmethod
    def of(cls, table: ArchiveTable) -> "TableState":
        """Read what the table's commits carry.

        Raises
        ------
        DeltaError, OSError
            If the log cannot be read.
        """
        changes = []
        for carried in table.carried():
            changes.append(msgspec.json.decode(carried, type=StateChange))
            if changes[-1].whole:
                break
        state = cls.empty(table.kind)
        for change in reversed(changes):
            state._apply(change)
        # How old the last whole one is does not matter much: the next comes at once.
        state._whole_at = table.version - len(changes)
        return state

    @classmethod
    def empty(cls, kind: TableKind) -> "TableState":
        """Return what is known of a new table."""
        return cls(SeenNumbers(kind.topic.retention_ms * 1000))

    def change(self, version: int, now_us: int) -> StateChange:
        """Return what the commit after `version` is to carry: what is new, or from time to time everything."""
        self.forgotten.drop_old(now_us)
        whole = version - self._whole_at >= CHECKPOINT_COMMITS
        return self.whole() if whole else self._change(self.seen.news(), whole=False)

    def whole(self) -> StateChange:
        """Return everything that is known."""
        return self._change(self.seen.whole(), whole=True)

    def committed(self, change: StateChange, version: int) -> None:
        """Take note that a commit carries the change."""
        self.seen.told()
        if change.whole:
            self._whole_at = version

    def _change(self, seen: list[SeenEntry], *, whole: bool) -> StateChange:
        devices, sessions = dict(self.forgotten.devices), dict(self.forgotten.sessions)
        return StateChange(seen, devices, sessions, self.deleted_before, self.topic, whole)

    def _apply(self, change: StateChange) -> None:
        for entry in change.seen:
            self.seen.merge(entry)
        self.forgotten.merge(change.devices, change.sessions)
        self.deleted_before = change.deleted_before or self.deleted_before
        self.topic = change.topic or self.topic
