"""Writing a day's small files together, its rows sorted."""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from ingest.archive.reading_ahead import read_ahead
from ingest.archive.tables import ArchiveTable

if TYPE_CHECKING:  # it imports pandas where there is one, which takes longer than all else of an archiver's start
    import pyarrow.dataset as ds

log = logging.getLogger(__name__)

#: A file of less than this is small, bytes.
SMALL_BYTES = 32 << 20
#: A day is written anew once its small files are this share of it, or many times as many as are allowed. So each row is
#: written a few times, however many files a day brings.
WORTHWHILE_SHARE = 0.25
#: So many rows are sorted at a time; those of one device in any case.
SORTED_ROWS = 4_000_000
MANY = 16


@dataclass(frozen=True)
class DayFiles:
    """What a day consists of.

    Attributes
    ----------
    small : int
        How many small files there are.
    small_bytes, all_bytes, rows : int
        What they hold, and what all files hold.
    """

    small: int
    small_bytes: int
    all_bytes: int
    rows: int

    def is_worthwhile(self, most_files: int) -> bool:
        """Tell whether the day should be written anew.

        Examples
        --------
        >>> DayFiles(33, 10, 100, 1).is_worthwhile(32), DayFiles(33, 30, 100, 1).is_worthwhile(32)
        (False, True)
        """
        if self.small <= most_files:
            return False
        return self.small_bytes >= WORTHWHILE_SHARE * self.all_bytes or self.small > MANY * most_files


def days_of_files(table: ArchiveTable) -> dict[str, DayFiles]:
    """Return what each day of a table consists of, by its name."""
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
    """Write each day anew that has more small files than `most_files`, sorted; return how many days.

    A day of more than `SORTED_ROWS` rows becomes several sorted runs, of other devices each; so many rows are held in
    memory, or those of one device if they are more. What was replaced stays on the disk for who reads it, until it is
    vacuumed.

    Raises
    ------
    ChangedElsewhereError, DeltaError, OSError
        See `ArchiveTable.append`; the day is then as it was.
    """
    done = 0
    for day, files in sorted(days_of_files(table).items()):
        if files.is_worthwhile(most_files):
            with read_ahead(_sorted_batches(table, day)) as batches:
                rows = _all_of(batches, files.rows, f"{day} of {table.uri}")
                table.replace_day(day, pa.RecordBatchReader.from_batches(table.kind.schema, rows))
            name = table.kind.name
            log.info("%s: wrote the %d rows of %s anew, from %d small files", name, files.rows, day, files.small)
            done += 1
    return done


def _all_of(batches: Iterator[pa.RecordBatch], expected: int, what: str) -> Iterator[pa.RecordBatch]:
    given = 0
    for batch in batches:
        given += batch.num_rows
        yield batch
    if given != expected:  # then nothing is committed
        raise OSError(f"{what} has {expected} rows by its log, but {given} were read")


def _sorted_batches(table: ArchiveTable, day: str) -> Iterator[pa.RecordBatch]:
    rows = table.delta.to_pyarrow_dataset()
    of_day = pc.field("day") == pc.scalar(day).cast(pa.date32())
    for devices in _bundles(_rows_by_device(rows, of_day)):
        theirs = rows.to_table(filter=of_day & pc.field("device").isin(devices), columns=table.kind.schema.names)
        theirs = theirs.sort_by([(name, "ascending") for name in table.kind.order]).cast(table.kind.schema)
        # As one: the library writes those that it is given at a time in an order of its own.
        yield from theirs.combine_chunks().to_batches()


def _rows_by_device(rows: "ds.Dataset", of_day: pc.Expression) -> dict[str, int]:
    found: Counter[str] = Counter()
    for batch in rows.to_batches(columns=["device"], filter=of_day):
        names, counts = pc.value_counts(batch["device"]).flatten()
        found.update(dict(zip(map(str, names.to_pylist()), counts.to_pylist(), strict=True)))
    return dict(sorted(found.items()))


def _bundles(devices: dict[str, int]) -> Iterator[list[str]]:
    """Put devices together whose rows fit into memory: each bundle reads the day's files once more."""
    bundle: list[str] = []
    held = 0
    for device, count in devices.items():
        if bundle and held + count > SORTED_ROWS:
            yield bundle
            bundle, held = [], 0
        bundle.append(device)
        held += count
    if bundle:
        yield bundle
