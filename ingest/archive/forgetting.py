"""Forgetting a device: no row, file or log entry of an archive tells of it any more, and none will come back."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec
import pyarrow.compute as pc

from har.samples import check_identifier
from ingest.archive.location import Location
from ingest.archive.state import TableState
from ingest.archive.tables import KINDS, LABELS, SAMPLES, ArchiveTable, ChangedElsewhereError, TableKind

#: How often an act is tried where nothing can be locked and others commit.
ATTEMPTS = 20

Result = TypeVar("Result")


@dataclass(frozen=True)
class ForgottenRows:
    """What was deleted.

    Attributes
    ----------
    readings, labels : int
        Rows of both tables.
    files : int
        Files that were removed from the storage.
    """

    readings: int
    labels: int
    files: int


def forget(archive: str, device: str) -> ForgottenRows:
    """Delete everything of a device, so that no file with it remains; also while an archiver runs, and also again.

    What stays are digests of the device's name and of those of its sessions: they keep out of the archive what Kafka
    still holds of them. Whoever reads the archive meanwhile may find that files are gone, and has to begin again.

    In object storage nothing can be locked. What a killed archiver had written there, but not committed, stays for an
    hour or two, until an archiver's upkeep removes it. Nor may an archiver be compacting there meanwhile.

    Parameters
    ----------
    archive : str
        Folder or URL. If there is no archive yet, one is made, so that the device is kept out of it.
    device : str
        The device's name.

    Returns
    -------
    ForgottenRows
        What this call deleted.

    Raises
    ------
    RejectedBatch
        If `device` cannot be a device's name.
    ChangedElsewhereError
        If others commit to object storage all the time.
    DeltaError, OSError
        If the archive cannot be read or written; call it again then.
    """
    check_identifier("device", device)
    location = Location(archive)
    with location.exclusive():
        sessions: set[str] = set()
        for kind in KINDS:
            sessions |= _sessions(ArchiveTable(location, kind), device)
        now_us = time.time_ns() // 1000
        for kind in KINDS:
            _retried(location, kind, lambda table: _keep_out(table, device, sessions, now_us))
        deleted = {kind.name: _retried(location, kind, lambda table: _delete(table, device)) for kind in KINDS}
        files = sum(_remove_traces(location, kind) for kind in KINDS)
    return ForgottenRows(deleted[SAMPLES.name], deleted[LABELS.name], files)


def _retried(location: Location, kind: TableKind, act: Callable[[ArchiveTable], Result]) -> Result:
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


def _keep_out(table: ArchiveTable, device: str, sessions: set[str], now_us: int) -> None:
    state = TableState.of(table)
    state.forgotten.forget(device, sessions, now_us)
    table.append(table.kind.schema.empty_table(), msgspec.json.encode(state.whole()))


def _delete(table: ArchiveTable, device: str) -> int:
    return table.delete(f"device = '{device}'")  # an identifier holds no quotes


def _remove_traces(location: Location, kind: TableKind) -> int:
    """Remove files that do not count, and log entries from before: both may name the device."""
    removed = ArchiveTable(location, kind).vacuum(0, untracked=location.folder is not None)
    _retried(location, kind, _drop_history)
    return removed + location.remove_unfinished(kind.name)


def _drop_history(table: ArchiveTable) -> None:
    table.drop_history(msgspec.json.encode(TableState.of(table).whole()))
