"""Verification: compares an archive with Kafka and checks that every message is archived exactly once, unchanged.

Only digests are held in memory: a few hundred bytes per batch in Kafka, and nothing per reading.
"""

from dataclasses import dataclass, field

from har.process.kafka_connection import KafkaConnection
from ingest.archive.archive_digests import read_archive
from ingest.archive.digests import count_of
from ingest.archive.forgotten import Forgotten
from ingest.archive.kafka_digests import Name, read_kafka
from ingest.archive.location import Location
from ingest.archive.state import TableState
from ingest.archive.table_kinds import KINDS
from ingest.archive.tables import ArchiveTable

FIRST_DIFFERENCES = 10


@dataclass
class TableComparison:
    """The result of comparing one table with Kafka.

    Attributes
    ----------
    table : str
        The table's name.
    messages : int
        Messages in Kafka that the archive covers.
    repeats : int
        Messages that repeat an earlier one.
    kept_out : int
        Messages of forgotten devices or deleted days.
    rejected : int
        Messages that cannot be decoded.
    behind : int
        Messages in Kafka that the archive does not cover yet.
    compared, rows : int
        Batches or labels that are equal in Kafka and in the archive, and their rows.
    missing : int
        Batches or labels that are not in the archive.
    differing : int
        Batches or labels that have different or duplicate rows in the archive.
    unknown : int
        Batches or labels in the archive that Kafka should still hold but does not.
    differences : list of str
        Descriptions of the first `FIRST_DIFFERENCES` differences.
    """

    table: str
    messages: int = 0
    repeats: int = 0
    kept_out: int = 0
    rejected: int = 0
    behind: int = 0
    compared: int = 0
    rows: int = 0
    missing: int = 0
    differing: int = 0
    unknown: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        """Whether there is no difference."""
        return not self.missing + self.differing + self.unknown

    def _differ(self, name: Name, text: str) -> None:
        if len(self.differences) < FIRST_DIFFERENCES:
            self.differences.append(f"{' '.join(map(str, name))}: {text}")

    def _compare(self, in_kafka: dict[Name, int], in_archive: dict[Name, int]) -> None:
        for name, expected in in_kafka.items():
            found = in_archive.get(name, 0)
            if found == expected:
                self.compared += 1
                self.rows += count_of(expected)
            elif not found:
                self.missing += 1
                self._differ(name, "in Kafka, but not in the archive")
            else:
                self.differing += 1
                self._differ(name, f"{count_of(expected)} rows in Kafka, {count_of(found)} different in the archive")
        for name in in_archive.keys() - in_kafka.keys():
            self.unknown += 1
            self._differ(name, "in the archive, but not in Kafka")


def verify(archive: str, kafka: KafkaConnection) -> list[TableComparison]:
    """Compare the current version of both tables of an archive with Kafka.

    Parameters
    ----------
    archive : str
        Folder or URL of the archive.
    kafka : KafkaConnection
        How to connect to Kafka.

    Raises
    ------
    LogError, MissingTopicError, KafkaError, TimeoutError
        If Kafka cannot be read, or its topics are not those that were archived.
    FileNotFoundError
        If there is no archive.
    DeltaError, OSError
        If the archive cannot be read.
    """
    location = Location(archive)
    tables = [ArchiveTable(location, kind, create=False) for kind in KINDS]
    states = [TableState.of(table) for table in tables]
    forgotten = Forgotten()
    for state in states:
        forgotten.merge(state.forgotten.devices, state.forgotten.sessions)
        state.forgotten = forgotten
    return [_compared(table, state, kafka) for table, state in zip(tables, states, strict=True)]


def _compared(table: ArchiveTable, state: TableState, kafka: KafkaConnection) -> TableComparison:
    in_kafka = read_kafka(table, state, kafka)
    result = TableComparison(
        table.kind.name, in_kafka.messages, in_kafka.repeats, in_kafka.kept_out, in_kafka.rejected, in_kafka.behind
    )
    result._compare(in_kafka.digests, read_archive(table, in_kafka, state.deleted_before))
    return result
