"""Forgetting a device: removes it from an archive's rows, files and log, and keeps its old messages out afterwards."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec
import pyarrow.compute as pc

from har.process.clock import now_us
from har.samples import check_identifier
from ingest.archive.location import Location
from ingest.archive.state import TableState
from ingest.archive.table_kinds import KINDS, LABELS, SAMPLES, TableKind
from ingest.archive.tables import ArchiveTable, ChangedElsewhereError

#: Attempts at a commit in object storage, which has no locks, while others commit.
ATTEMPTS = 20

Result = TypeVar("Result")


@dataclass(frozen=True)
class ForgottenRows:
    """What a call of `forget` deleted.

    Attributes
    ----------
    readings, labels : int
        Deleted rows of each table.
    files : int
        Files removed from storage.
    """

    readings: int
    labels: int
    files: int


def forget(archive: str, device: str) -> ForgottenRows:
    """Delete all data of a device, and every file that contained it.

    It may be called while an archiver runs, and again for the same device. Digests of the names of the device and of
    its sessions remain; they keep out of the archive what Kafka still holds. A process that reads the archive at the
    same time may find files missing and must start again.

    Object storage has no locks. Files that a killed archiver wrote there but did not commit stay for an hour or two,
    until an archiver's upkeep removes them. No archiver may compact there during the call.

    Parameters
    ----------
    archive : str
        Folder or URL. If there is no archive, it is created, so that the device is kept out of it.
    device : str
        The device's name.

    Returns
    -------
    ForgottenRows
        Counts of what this call deleted.

    Raises
    ------
    RejectedMessage
        If `device` is not a valid device name.
    ChangedElsewhereError
        If others committed to object storage at every attempt.
    DeltaError, OSError
        If the archive cannot be read or written; the call can be repeated.
    """
    check_identifier("device", device)
    location = Location(archive)
    with location.exclusive():
        sessions: set[str] = set()
        for kind in KINDS:
            sessions |= _sessions(ArchiveTable(location, kind), device)
        now = now_us()
        for kind in KINDS:
            _retry(location, kind, lambda table: _keep_out(table, device, sessions, now))
        deleted = {kind.name: _retry(location, kind, lambda table: _delete(table, device)) for kind in KINDS}
        files = sum(_remove_traces(location, kind) for kind in KINDS)
    return ForgottenRows(deleted[SAMPLES.name], deleted[LABELS.name], files)


def _retry(location: Location, kind: TableKind, act: Callable[[ArchiveTable], Result]) -> Result:
    for _ in range(ATTEMPTS - 1):
        try:
            return act(ArchiveTable(location, kind))
        except ChangedElsewhereError:
            continue
    return act(ArchiveTable(location, kind))


def _sessions(table: ArchiveTable, device: str) -> set[str]:
    found: set[str] = set()
    rows = table.delta.to_pyarrow_dataset()
    for batch in rows.to_batches(columns=["session"], filter=pc.field("device") == device):
        found.update(map(str, batch["session"].unique().to_pylist()))
    return found


def _keep_out(table: ArchiveTable, device: str, sessions: set[str], now: int) -> None:
    state = TableState.of(table)
    state.forgotten.forget(device, sessions, now)
    table.append(table.kind.schema.empty_table(), msgspec.json.encode(state.snapshot()))


def _delete(table: ArchiveTable, device: str) -> int:
    return table.delete(f"device = '{device}'")  # an identifier contains no quotes


def _remove_traces(location: Location, kind: TableKind) -> int:
    """Remove uncommitted and replaced files and older log entries, as these may name the device; return the files."""
    removed = ArchiveTable(location, kind).vacuum(0, untracked=location.folder is not None)
    _retry(location, kind, _drop_history)
    return removed + location.remove_unfinished(kind.name)


def _drop_history(table: ArchiveTable) -> None:
    table.drop_history(msgspec.json.encode(TableState.of(table).snapshot()))
