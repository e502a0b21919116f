"""Periodic upkeep of an archive: compaction, deletion of old days, and removal of replaced files."""

import logging
import time
from collections.abc import Callable, Mapping

import msgspec

from ingest.archive.compaction import compact, days_of_files
from ingest.archive.held_rows import DAY_US, day_name
from ingest.archive.location import Location
from ingest.archive.settings import ArchiveRunSettings
from ingest.archive.state import TableState
from ingest.archive.tables import STORAGE_ERRORS, ArchiveTable, ChangedElsewhereError

log = logging.getLogger(__name__)

#: Replaced and uncommitted files are kept for this long, as another process may be reading or about to commit them.
READERS_HOURS = 1


class TablesUpkeep:
    """Runs the upkeep of an archive's tables at intervals, first after the first commit.

    Parameters
    ----------
    settings : ArchiveRunSettings
        The interval, the number of days to keep, and the number of small files that a day may have.
    now_us : callable
        Returns the current time, µs since the epoch.
    """

    def __init__(self, settings: ArchiveRunSettings, now_us: Callable[[], int]) -> None:
        self._settings = settings
        self._now_us = now_us
        self._done_at: float | None = None

    def run_if_due(
        self, location: Location, tables: Mapping[str, ArchiveTable], states: Mapping[str, TableState]
    ) -> None:
        """Run the upkeep if the interval has passed; a table that fails is logged and retried next time.

        Raises
        ------
        ChangedElsewhereError
            If another process wrote to a table.
        """
        now = time.monotonic()
        if self._done_at is not None and now - self._done_at < self._settings.upkeep_seconds:
            return
        self._done_at = now
        for topic, table in tables.items():
            try:
                with location.exclusive():
                    if table.is_changed():
                        raise ChangedElsewhereError(f"another process wrote to {table.uri}")
                    if self._settings.keep_days is not None:
                        delete_old_days(table, states[topic], self._settings.keep_days, self._now_us())
                    compact(table, self._settings.compact_files)
                    remove_files(table)
            except STORAGE_ERRORS as error:
                log.error("upkeep of %s failed, retrying at the next interval: %s", table.uri, error)


def delete_old_days(table: ArchiveTable, state: TableState, keep_days: int, now_us: int) -> int:
    """Delete the days that are more than `keep_days` before today (UTC); return the number of deleted rows.

    Raises
    ------
    ChangedElsewhereError, DeltaError, OSError
        See `ArchiveTable.append`.
    """
    first = day_name(now_us - keep_days * DAY_US)
    old = [day for day in days_of_files(table) if day < first]
    if not old:
        return 0
    state.deleted_before = max(first, state.deleted_before or first)
    change = state.change(table.version, now_us)
    table.append(table.kind.schema.empty_table(), msgspec.json.encode(change))  # `har archive verify` needs it
    state.mark_committed(change, table.version)
    deleted = table.delete(f"day < DATE '{first}'")
    log.info("%s: deleted %d rows of %d days before %s", table.kind.name, deleted, len(old), first)
    return deleted


def remove_files(table: ArchiveTable) -> int:
    """Remove replaced and uncommitted files older than `READERS_HOURS`, and unfinished ones; return how many.

    Raises
    ------
    DeltaError, OSError
        If a file cannot be listed or removed.
    """
    return table.vacuum(READERS_HOURS) + table.location.remove_unfinished(table.kind.name)
