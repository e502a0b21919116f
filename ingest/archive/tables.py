"""The two tables of an archive: their columns and how they are written.

A table is a Delta Lake table: Parquet files in a folder a day, and a log that says which of them count. A commit is one
file of the log, so it is there or not, whatever happens to its writer. It also carries up to which offset Kafka's
messages are in the table, and what was added to `ingest.archive.state.TableState`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from deltalake import (
    CommitProperties,
    DeltaTable,
    PostCommitHookProperties,
    Transaction,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from har import topics
from har.topics import Topic
from ingest.archive.location import Location

#: Entries of the log from before a checkpoint are kept for so long, which is longer than Kafka keeps any message.
LOG_RETENTION = "interval 40 days"
#: What commits carry is written whole, and the log is summed up, after so many.
CHECKPOINT_COMMITS = 100
#: The key of what a commit carries.
CARRIED = "har.archive"
#: What a failing disk, object storage or another writer raises.
STORAGE_ERRORS = (DeltaError, OSError, pa.ArrowException)

_NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
_WRITER = WriterProperties(compression="ZSTD", compression_level=3, max_row_group_size=1 << 17)


class ChangedElsewhereError(RuntimeError):
    """Somebody else committed to a table since it was last looked at."""


class MissingEntriesError(OSError):
    """A table's log lacks entries that are needed."""


@dataclass(frozen=True)
class TableKind:
    """What a table of an archive is.

    Attributes
    ----------
    name : str
        Its folder.
    topic : Topic
        Where its rows come from.
    schema : pyarrow.Schema
        Its columns.
    order : tuple of str
        The columns that rows are sorted by within a file.
    """

    name: str
    topic: Topic
    schema: pa.Schema
    order: tuple[str, ...]


def _column(name: str, kind: pa.DataType, *, nullable: bool = False) -> "pa.Field[Any]":
    return pa.field(name, kind, nullable=nullable)


SAMPLES = TableKind(
    "samples",
    topics.SAMPLES,
    pa.schema(
        [
            _column("device", pa.string()),
            _column("session", pa.string()),
            _column("sequence", pa.int64()),
            _column("t", pa.int64()),
            _column("x", pa.float32()),
            _column("y", pa.float32()),
            _column("z", pa.float32()),
            _column("arrived", pa.int64()),
            _column("day", pa.date32()),
        ]
    ),
    ("device", "session", "t"),
)
LABELS = TableKind(
    "labels",
    topics.LABELS,
    pa.schema(
        [
            _column("device", pa.string()),
            _column("session", pa.string()),
            _column("start", pa.int64()),
            _column("end", pa.int64(), nullable=True),
            _column("activity", pa.string()),
            _column("said_at", pa.int64()),
            _column("user", pa.string(), nullable=True),
            _column("arrived", pa.int64()),
            _column("day", pa.date32()),
        ]
    ),
    ("device", "session", "start"),
)
KINDS = (SAMPLES, LABELS)


class ArchiveTable:
    """One table, as it was when it was last looked at; all writing fails if it has changed since.

    Parameters
    ----------
    location : Location
        Where the archive is.
    kind : TableKind
        Which table.
    create : bool
        Whether it is made if it does not exist.

    Raises
    ------
    FileNotFoundError
        If it does not exist and is not to be made.
    DeltaError, OSError
        If it cannot be read or made.
    """

    def __init__(self, location: Location, kind: TableKind, *, create: bool = True) -> None:
        self.location = location
        self.kind = kind
        self.uri = location.uri(kind.name)
        try:
            self.delta = self._newest()
        except TableNotFoundError as error:
            if not create:
                raise FileNotFoundError(f"{location.name} is no archive: there is no table {kind.name}") from error
            DeltaTable.create(
                self.uri,
                kind.schema,
                mode="ignore",
                partition_by=["day"],
                configuration={"delta.logRetentionDuration": LOG_RETENTION},
                storage_options=location.options,
            )
            self.delta = self._newest()

    @property
    def version(self) -> int:
        """The number of the last commit that is known of."""
        return self.delta.version()

    def offset(self, partition: int) -> int | None:
        """Return the first offset of a partition whose message is not in the table; None if none ever was."""
        return self.delta.transaction_version(f"{self.kind.topic.name}-{partition}")

    def is_changed(self) -> bool:
        """Tell whether somebody else has committed.

        Raises
        ------
        DeltaError, OSError
            If it cannot be read.
        """
        return self._newest().version() != self.version

    def append(self, rows: pa.Table, carried: bytes, offsets: Mapping[int, int] | None = None) -> None:
        """Commit rows, none or many, with what they carry.

        Parameters
        ----------
        rows : pyarrow.Table
            In the table's schema.
        carried : bytes
            An encoded `ingest.archive.state.StateChange`.
        offsets : mapping of int to int, optional
            Up to where Kafka's messages are in the table then, by partition.

        Raises
        ------
        ChangedElsewhereError
            If somebody else committed since the table was last looked at.
        DeltaError, OSError
            If it cannot be written; whether the commit is there then only a new look can tell.
        """
        topic = self.kind.topic.name
        transactions = [Transaction(f"{topic}-{number}", offset) for number, offset in (offsets or {}).items()]
        with self._alone():
            write_deltalake(
                self.delta,
                rows,
                mode="append",
                writer_properties=_WRITER,
                commit_properties=_carrying(carried, transactions),
                post_commithook_properties=_NO_HOOKS,
            )
        self.location.make_durable(self.kind.name, self.version)

    def replace_day(self, day: str, rows: pa.RecordBatchReader) -> None:
        """Write a day's rows anew, in the order in which they are given.

        Raises
        ------
        ChangedElsewhereError, DeltaError, OSError
            As `append`; the day is then as it was.
        """
        with self._alone():
            write_deltalake(
                self.delta,
                rows,
                mode="overwrite",
                predicate=f"day = DATE '{day}'",
                writer_properties=_WRITER,
                commit_properties=_carrying(),
                post_commithook_properties=_NO_HOOKS,
            )
        self.location.make_durable(self.kind.name, self.version)

    def delete(self, condition: str) -> int:
        """Delete rows by a condition in SQL; return how many.

        Raises
        ------
        ChangedElsewhereError, DeltaError, OSError
            As `append`.
        """
        with self._alone():
            done = self.delta.delete(
                condition,
                writer_properties=_WRITER,
                commit_properties=_carrying(),
                post_commithook_properties=_NO_HOOKS,
            )
        self.location.make_durable(self.kind.name, self.version)
        return int(done["num_deleted_rows"] or 0)

    def vacuum(self, hours: int, *, untracked: bool = True) -> int:
        """Remove files that no longer count and are older than some hours; return how many.

        Parameters
        ----------
        untracked : bool
            Whether those that never counted are removed, too.

        Raises
        ------
        DeltaError, OSError
            If that fails.
        """
        removed = self.delta.vacuum(
            retention_hours=hours,
            dry_run=False,
            enforce_retention_duration=False,
            full=untracked,
            post_commithook_properties=_NO_HOOKS,
        )
        return len(removed)

    def checkpoint(self) -> None:
        """Sum up the log, so that a start reads little of it, and remove entries older than `LOG_RETENTION`."""
        self.delta.create_checkpoint()
        self.delta.cleanup_metadata()
        self.delta = self._newest()

    def drop_history(self, carried: bytes) -> None:
        """Sum up the log and remove every entry from before now; the first that stays carries what is given.

        Raises
        ------
        ChangedElsewhereError, DeltaError, OSError
            As `append`; then entries from before may still be there.
        """
        self.delta.alter.set_table_properties({"delta.logRetentionDuration": "interval 0 seconds"})
        try:
            self.append(self.kind.schema.empty_table(), carried)
            self.delta.create_checkpoint()
            self.delta.cleanup_metadata()
        finally:
            self.delta.alter.set_table_properties({"delta.logRetentionDuration": LOG_RETENTION})
        self.delta = self._newest()

    def carried(self) -> Iterator[bytes]:
        """Yield what commits carry, the newest first, back to the first commit.

        Raises
        ------
        MissingEntriesError
            If the log does not go back to it any more.
        DeltaError, OSError
            If the log cannot be read.
        """
        given = 0
        for limit in (CHECKPOINT_COMMITS + 20, 1_000, None):  # usually the first is enough
            entries = self.delta.history(limit)
            for entry in entries[given:]:
                if CARRIED in entry:
                    yield str(entry[CARRIED]).encode()
            if limit is None or len(entries) < limit:
                break
            given = len(entries)
        if entries[-1]["version"]:
            raise MissingEntriesError(
                f"the log of {self.uri} has lost what the archiver knew: another program has cleaned it up. Move the "
                "archive aside and begin another; both can be read"
            )

    def _newest(self) -> DeltaTable:
        return DeltaTable(self.uri, storage_options=self.location.options)

    def _alone(self) -> "_Alone":
        return _Alone(self)


class _Alone:
    """Says of a commit that failed whether it did so because of another writer."""

    def __init__(self, table: ArchiveTable) -> None:
        self._table = table

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, CommitFailedError) and self._table.is_changed():
            raise ChangedElsewhereError(f"somebody else writes to {self._table.uri}") from error


def _carrying(carried: bytes | None = None, transactions: list[Transaction] | None = None) -> CommitProperties:
    # Without retries: a commit upon another one, which was not looked at, is rejected.
    return CommitProperties(
        custom_metadata=None if carried is None else {CARRIED: carried.decode()},
        max_commit_retries=0,
        app_transactions=transactions,
    )
