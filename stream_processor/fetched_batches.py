"""Let aiokafka's consumers, and so Faust's, read every codec and pass unreadable batches.

aiokafka has no setting for this: its fetcher takes two classes from its module. They are replaced for all consumers of
the process.
"""

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch

from har.process.record_batches import FetchedBatches


class _Batches(FetchedBatches):
    def __init__(self, fetched: bytes) -> None:
        super().__init__(fetched, DefaultRecordBatch)


class _PartitionRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """aiokafka's records of a partition, which tell the batches from which offset on they were fetched."""

    def __init__(self, tp: object, records: _Batches, aborted: object, fetch_offset: int, *settings: object) -> None:
        records.position = fetch_offset
        super().__init__(tp, records, aborted, fetch_offset, *settings)


def pass_unreadable_batches() -> None:
    """Make the consumers of this process pass unreadable batches; calling it again has no effect."""
    fetcher.MemoryRecords = _Batches
    fetcher.PartitionRecords = _PartitionRecords
