"""Reading and writing of an archive's tables.

A table is a Delta Lake table: Parquet files in one folder per day, and a log that lists the files which belong to the
table. A commit is one file of the log, so it is atomic even if its writer is killed. It also carries the Kafka offsets
up to which messages are in the table, and the change of `ingest.archive.state.TableState`.
"""

from collections.abc import Iterator, Mapping

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

from ingest.archive.location import Location
from ingest.archive.table_kinds import TableKind

#: Log entries before a checkpoint are kept for this long, which is longer than Kafka keeps any message.
LOG_RETENTION = "interval 40 days"
#: After this many commits, a commit carries the complete state, and a checkpoint of the log is written.
CHECKPOINT_COMMITS = 100
#: The key of the change of state in a commit's metadata.
STATE_KEY = "har.archive"
#: The key of the commit's own number in its metadata.
NUMBER_KEY = "har.commit"
#: Errors raised by a failing disk, failing object storage or a conflicting writer.
STORAGE_ERRORS = (DeltaError, OSError, pa.ArrowException)

_NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
_WRITER = WriterProperties(compression="ZSTD", compression_level=3, max_row_group_size=1 << 17)


class ChangedElsewhereError(RuntimeError):
    """Raised if another process committed to a table since this process last read it."""


class MissingEntriesError(OSError):
    """Raised if a table's log lacks entries that are needed."""


class ArchiveTable:
    """One table at the version that was last read; every write fails if the table has changed since.

    Parameters
    ----------
    location : Location
        The archive's location.
    kind : TableKind
        One of `ingest.archive.table_kinds.KINDS`.
    create : bool
        Whether to create the table if it does not exist.

    Raises
    ------
    FileNotFoundError
        If the table does not exist and `create` is false.
    DeltaError, OSError
        If the table cannot be read or created.
    """

    def __init__(self, location: Location, kind: TableKind, *, create: bool = True) -> None:
        self.location = location
        self.kind = kind
        self.uri = location.uri(kind.name)
        try:
            self.delta = self._newest()
        except TableNotFoundError as error:
            if not create:
                raise FileNotFoundError(f"{location.name} is not an archive: it has no table {kind.name}") from error
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
        """The number of the last commit that was read or written."""
        return self.delta.version()

    def offset(self, partition: int) -> int | None:
        """Return the offset after a partition's last archived message; None if none is archived."""
        return self.delta.transaction_version(f"{self.kind.topic.name}-{partition}")

    def is_changed(self) -> bool:
        """Return whether another process has committed.

        Raises
        ------
        DeltaError, OSError
            If the table cannot be read.
        """
        return self._newest().version() != self.version

    def append(self, rows: pa.Table, change: bytes, offsets: Mapping[int, int] | None = None) -> None:
        """Commit rows together with a change of state and offsets.

        Parameters
        ----------
        rows : pyarrow.Table
            Rows in the table's schema; may be empty.
        change : bytes
            An encoded `ingest.archive.state.StateChange`.
        offsets : mapping of int to int, optional
            The offset after the last archived message, by partition.

        Raises
        ------
        ChangedElsewhereError
            If another process committed since the table was last read.
        DeltaError, OSError
            If writing fails; the table must then be read again to know whether the commit exists.
        """
        topic = self.kind.topic.name
        transactions = [Transaction(f"{topic}-{number}", offset) for number, offset in (offsets or {}).items()]
        with self._detect_conflict():
            write_deltalake(
                self.delta,
                rows,
                mode="append",
                writer_properties=_WRITER,
                commit_properties=self._properties_with(change, transactions),
                post_commithook_properties=_NO_HOOKS,
            )
        self.location.make_durable(self.kind.name, self.version)

    def replace_day(self, day: str, rows: pa.RecordBatchReader) -> None:
        """Replace a day's rows, keeping the given order.

        Raises
        ------
        ChangedElsewhereError, DeltaError, OSError
            As `append`; the day is then unchanged.
        """
        with self._detect_conflict():
            write_deltalake(
                self.delta,
                rows,
                mode="overwrite",
                predicate=f"day = DATE '{day}'",
                writer_properties=_WRITER,
                commit_properties=_commit_properties(),
                post_commithook_properties=_NO_HOOKS,
            )
        self.location.make_durable(self.kind.name, self.version)

    def delete(self, condition: str) -> int:
        """Delete the rows that match an SQL condition; return their number.

        Raises
        ------
        ChangedElsewhereError, DeltaError, OSError
            As `append`.
        """
        with self._detect_conflict():
            done = self.delta.delete(
                condition,
                writer_properties=_WRITER,
                commit_properties=_commit_properties(),
                post_commithook_properties=_NO_HOOKS,
            )
        self.location.make_durable(self.kind.name, self.version)
        return int(done["num_deleted_rows"] or 0)

    def vacuum(self, hours: int, *, untracked: bool = True) -> int:
        """Remove replaced files that are older than `hours`; return their number.

        Parameters
        ----------
        hours : int
            Minimum age of a file, h.
        untracked : bool
            Whether to remove files that were never committed, too.

        Raises
        ------
        DeltaError, OSError
            If a file cannot be listed or removed.
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
        """Write a checkpoint of the log, so that a start reads few entries; remove those beyond `LOG_RETENTION`."""
        self.delta.create_checkpoint()
        self.delta.cleanup_metadata()
        self.delta = self._newest()

    def drop_history(self, change: bytes) -> None:
        """Write a checkpoint of the log and remove all earlier entries; the first that remains carries `change`.

        Raises
        ------
        ChangedElsewhereError, DeltaError, OSError
            As `append`; earlier entries may then remain.
        """
        self.delta.alter.set_table_properties({"delta.logRetentionDuration": "interval 0 seconds"})
        try:
            self.append(self.kind.schema.empty_table(), change)
            self.delta.create_checkpoint()
            self.delta.cleanup_metadata()
        finally:
            self.delta.alter.set_table_properties({"delta.logRetentionDuration": LOG_RETENTION})
        self.delta = self._newest()

    def state_changes(self) -> Iterator[bytes]:
        """Yield the encoded changes of state that commits carry, from the last that was read to the first commit.

        Raises
        ------
        MissingEntriesError
            If the log does not reach back to the first commit.
        DeltaError, OSError
            If the log cannot be read.
        """
        yielded = 0
        for limit in (CHECKPOINT_COMMITS + 20, 1_000, None):  # usually the first is enough
            entries = self.delta.history(limit)
            for entry in entries[yielded:]:
                # Deltalake lists commits that were written since the table was read, and then numbers all wrongly.
                if STATE_KEY in entry and int(entry.get(NUMBER_KEY, 0)) <= self.version:
                    yield str(entry[STATE_KEY]).encode()
            if limit is None or len(entries) < limit:
                break
            yielded = len(entries)
        if entries[-1]["operation"] != "CREATE TABLE":
            raise MissingEntriesError(
                f"the log of {self.uri} lacks the archiver's state: another program has cleaned it up. Move the "
                "archive to another place and start a new one; both can be read"
            )

    def _properties_with(self, change: bytes, transactions: list[Transaction]) -> CommitProperties:
        return _commit_properties({STATE_KEY: change.decode(), NUMBER_KEY: str(self.version + 1)}, transactions)

    def _newest(self) -> DeltaTable:
        return DeltaTable(self.uri, storage_options=self.location.options)

    def _detect_conflict(self) -> "_ConflictDetector":
        return _ConflictDetector(self)


class _ConflictDetector:
    """Raises `ChangedElsewhereError` if a commit fails because of another writer."""

    def __init__(self, table: ArchiveTable) -> None:
        self._table = table

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, CommitFailedError) and self._table.is_changed():
            raise ChangedElsewhereError(f"another process writes to {self._table.uri}") from error


def _commit_properties(
    metadata: dict[str, str] | None = None, transactions: list[Transaction] | None = None
) -> CommitProperties:
    # Without retries, deltalake rejects a commit on top of one that this process has not read.
    return CommitProperties(custom_metadata=metadata, max_commit_retries=0, app_transactions=transactions)
