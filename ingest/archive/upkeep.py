"""What an archive needs from time to time: compaction, deletion of old days, removal of files that no longer count."""

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

#: Files that were replaced, or never counted, are kept for so long: somebody may be reading, or about to commit them.
READERS_HOURS = 1


class TablesUpkeep:
    """Looks after an archive's tables at intervals, the first time with the first commit.

    Parameters
    ----------
    settings : ArchiveRunSettings
        How often, and what to keep.
    now_us : callable
        The time, µs since the epoch.
    """

    def __init__(self, settings: ArchiveRunSettings, now_us: Callable[[], int]) -> None:
        self._settings = settings
        self._now_us = now_us
        self._done_at: float | None = None

    def do_if_due(
        self, location: Location, tables: Mapping[str, ArchiveTable], states: Mapping[str, TableState]
    ) -> None:
        """Look after the tables if it is time; what fails is done next time.

        Raises
        ------
        ChangedElsewhereError
            If somebody else writes to them.
        """
        now = time.monotonic()
        if self._done_at is not None and now - self._done_at < self._settings.upkeep_seconds:
            return
        self._done_at = now
        for topic, table in tables.items():
            try:
                with location.exclusive():
                    if table.is_changed():
                        raise ChangedElsewhereError(f"somebody else wrote to {table.uri}")
                    if self._settings.keep_days is not None:
                        delete_old_days(table, states[topic], self._settings.keep_days, self._now_us())
                    compact(table, self._settings.compact_files)
                    remove_files(table)
            except STORAGE_ERRORS as error:
                log.error("%s could not be looked after, and will be next time: %s", table.uri, error)


def delete_old_days(table: ArchiveTable, state: TableState, keep_days: int, now_us: int) -> int:
    """Delete the days before the last `keep_days`; return how many rows there were.

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
    table.append(table.kind.schema.empty_table(), msgspec.json.encode(change))  # so that `har archive verify` knows
    state.committed(change, table.version)
    deleted = table.delete(f"day < DATE '{first}'")
    log.info("%s: deleted %d rows of %d days before %s", table.kind.name, deleted, len(old), first)
    return deleted


def remove_files(table: ArchiveTable) -> int:
    """Remove files that have not counted for a while, and what killed writers left; return how many.

    Raises
    ------
    DeltaError, OSError
        If that fails.
    """
    return table.vacuum(READERS_HOURS) + table.location.remove_unfinished(table.kind.name)
