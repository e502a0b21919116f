"""Compaction: rewrites a day that has many small files as few large ones, with sorted rows."""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from ingest.archive.reading_ahead import read_ahead
from ingest.archive.tables import ArchiveTable

if TYPE_CHECKING:  # at run time it imports pandas if installed, which takes longer than the rest of the start
    import pyarrow.dataset as ds

log = logging.getLogger(__name__)

#: A file below this size is small, bytes.
SMALL_BYTES = 32 << 20
#: A day is compacted once small files hold this share of its bytes, or exceed `MANY` times the allowed number. This
#: bounds how often each row is rewritten, however many files a day has.
WORTHWHILE_SHARE = 0.25
MANY = 16
#: Rows that are sorted at a time; a single device may have more.
SORTED_ROWS = 4_000_000


@dataclass(frozen=True)
class DayFiles:
    """Sizes of a day's files.

    Attributes
    ----------
    small : int
        Number of small files.
    small_bytes, all_bytes : int
        Size of the small files, and of all files, bytes.
    rows : int
        Rows in all files.
    """

    small: int
    small_bytes: int
    all_bytes: int
    rows: int

    def is_worthwhile(self, most_files: int) -> bool:
        """Return whether the day should be compacted.

        Parameters
        ----------
        most_files : int
            Number of small files that a day may have.

        Examples
        --------
        >>> DayFiles(33, 10, 100, 1).is_worthwhile(32), DayFiles(33, 30, 100, 1).is_worthwhile(32)
        (False, True)
        """
        if self.small <= most_files:
            return False
        return self.small_bytes >= WORTHWHILE_SHARE * self.all_bytes or self.small > MANY * most_files


def days_of_files(table: ArchiveTable) -> dict[str, DayFiles]:
    """Return the sizes of each day's files, by the day in ISO 8601."""
    files = pa.table(table.delta.get_add_actions(flatten=True))
    days: dict[str, DayFiles] = {}
    columns = (files[name].to_pylist() for name in ("partition.day", "size_bytes", "num_records"))
    for day, size, rows in zip(*columns, strict=True):
        known = days.get(str(day), DayFiles(0, 0, 0, 0))
        is_small = size < SMALL_BYTES
        days[str(day)] = DayFiles(
            known.small + is_small,
            known.small_bytes + size * is_small,
            known.all_bytes + size,
            known.rows + rows,
        )
    return days


def compact(table: ArchiveTable, most_files: int) -> int:
    """Compact each day that has more small files than `most_files`; return the number of compacted days.

    A day of more than `SORTED_ROWS` rows becomes several sorted runs, each of different devices. At most that many rows
    are held in memory, or the rows of one device if they are more. Replaced files stay in storage for current readers
    until they are vacuumed.

    Raises
    ------
    ChangedElsewhereError, DeltaError, OSError
        See `ArchiveTable.append`; the day is then unchanged.
    """
    done = 0
    for day, files in sorted(days_of_files(table).items()):
        if files.is_worthwhile(most_files):
            with read_ahead(_sorted_batches(table, day)) as batches:
                rows = _check_count(batches, files.rows, f"{day} of {table.uri}")
                table.replace_day(day, pa.RecordBatchReader.from_batches(table.kind.schema, rows))
            name = table.kind.name
            log.info("%s: compacted %d rows of %s from %d small files", name, files.rows, day, files.small)
            done += 1
    return done


def _check_count(batches: Iterator[pa.RecordBatch], expected: int, name: str) -> Iterator[pa.RecordBatch]:
    count = 0
    for batch in batches:
        count += batch.num_rows
        yield batch
    if count != expected:  # the error keeps the writer from committing
        raise OSError(f"{name} has {expected} rows according to its log, but {count} were read")


def _sorted_batches(table: ArchiveTable, day: str) -> Iterator[pa.RecordBatch]:
    rows = table.delta.to_pyarrow_dataset()
    of_day = pc.field("day") == pc.scalar(day).cast(pa.date32())
    for devices in _device_groups(_rows_by_device(rows, of_day)):
        group = rows.to_table(filter=of_day & pc.field("device").isin(devices), columns=table.kind.schema.names)
        group = group.sort_by([(name, "ascending") for name in table.kind.order]).cast(table.kind.schema)
        # One chunk: deltalake does not keep the order of several.
        yield from group.combine_chunks().to_batches()


def _rows_by_device(rows: "ds.Dataset", of_day: pc.Expression) -> dict[str, int]:
    found: Counter[str] = Counter()
    for batch in rows.to_batches(columns=["device"], filter=of_day):
        names, counts = pc.value_counts(batch["device"]).flatten()
        found.update(dict(zip(map(str, names.to_pylist()), counts.to_pylist(), strict=True)))
    return dict(sorted(found.items()))


def _device_groups(devices: dict[str, int]) -> Iterator[list[str]]:
    """Group devices whose rows fit into memory together; the day's files are read once per group."""
    group: list[str] = []
    rows = 0
    for device, count in devices.items():
        if group and rows + count > SORTED_ROWS:
            yield group
            group, rows = [], 0
        group.append(device)
        rows += count
    if group:
        yield group
