"""The archiver's state besides the rows; each commit of a table carries its changes for the next process."""

from dataclasses import dataclass, field

import msgspec

from ingest.archive.forgotten import Forgotten
from ingest.archive.seen import SeenEntry, SeenNumbers
from ingest.archive.table_kinds import TableKind
from ingest.archive.tables import CHECKPOINT_COMMITS, ArchiveTable


class StateChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """The change of state that a commit carries.

    Attributes
    ----------
    seen : list of SeenEntry
        Sequence numbers that the commit archives; if `whole`, all that are remembered.
    devices, sessions : dict of str to int
        Digests of forgotten devices and sessions, with the time of forgetting, µs since the epoch.
    deleted_before : str or None
        The first UTC day that is kept; None if no day was deleted.
    topic : str or None
        The identity of Kafka's topic; it changes if the topic is created anew, and offsets begin again.
    topic_from : int
        When the archiver noticed that the topic was created anew, µs since the epoch; 0 if it was not.
    whole : bool
        Whether this is the complete state, so that no earlier change is needed.
    """

    seen: list[SeenEntry] = []
    devices: dict[str, int] = {}
    sessions: dict[str, int] = {}
    deleted_before: str | None = None
    topic: str | None = None
    topic_from: int = 0
    whole: bool = False


@dataclass
class TableState:
    """The state of a table besides its rows.

    Attributes
    ----------
    seen : SeenNumbers
        Sequence numbers that were archived.
    forgotten : Forgotten
        Devices and sessions that were forgotten.
    deleted_before, topic : str or None
        See `StateChange`.
    topic_from : int
        See `StateChange`.
    """

    seen: SeenNumbers
    forgotten: Forgotten = field(default_factory=Forgotten)
    deleted_before: str | None = None
    topic: str | None = None
    topic_from: int = 0
    _whole_at: int = 0

    @classmethod
    def of(cls, table: ArchiveTable) -> "TableState":
        """Load the state from the table's commits.

        Raises
        ------
        DeltaError, OSError
            If the log cannot be read.
        """
        changes = []
        for encoded in table.state_changes():
            changes.append(msgspec.json.decode(encoded, type=StateChange))
            if changes[-1].whole:
                break
        state = cls.empty(table.kind)
        for change in reversed(changes):
            state._apply(change)
        # An estimate is enough: it only decides when the next complete state is written.
        state._whole_at = table.version - len(changes)
        return state

    @classmethod
    def empty(cls, kind: TableKind) -> "TableState":
        """Return the state of a new table."""
        return cls(SeenNumbers(kind.topic.retention_ms * 1000))

    def change(self, version: int, now_us: int) -> StateChange:
        """Return the change for the commit after `version`: new entries, or every `CHECKPOINT_COMMITS` a snapshot."""
        self.forgotten.drop_old(now_us)
        is_due = version - self._whole_at >= CHECKPOINT_COMMITS
        return self.snapshot() if is_due else self._change(self.seen.new_entries(), whole=False)

    def snapshot(self) -> StateChange:
        """Return the complete state."""
        return self._change(self.seen.snapshot(), whole=True)

    def mark_committed(self, change: StateChange, version: int) -> None:
        """Record that the commit with number `version` carries the change."""
        self.seen.mark_committed()
        if change.whole:
            self._whole_at = version

    def _change(self, seen: list[SeenEntry], *, whole: bool) -> StateChange:
        devices, sessions = dict(self.forgotten.devices), dict(self.forgotten.sessions)
        return StateChange(seen, devices, sessions, self.deleted_before, self.topic, self.topic_from, whole)

    def _apply(self, change: StateChange) -> None:
        for entry in change.seen:
            self.seen.merge(entry)
        self.forgotten.merge(change.devices, change.sessions)
        self.deleted_before = change.deleted_before or self.deleted_before
        self.topic = change.topic or self.topic
        self.topic_from = change.topic_from or self.topic_from
