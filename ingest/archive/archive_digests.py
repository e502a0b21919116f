"""Digests of an archive table's rows, as far as they can be compared with Kafka."""

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ingest.archive.digests import added, joined, label_digest, reading_digests
from ingest.archive.kafka_digests import KafkaDigests, Name
from ingest.archive.table_kinds import SAMPLES
from ingest.archive.tables import ArchiveTable

AnyArray: TypeAlias = "pa.Array[Any]"

#: A message in Kafka may be a copy of one that Kafka has deleted and that was archived up to this long before, µs.
COPIES_US = 10 * 86_400_000_000


def read_archive(table: ArchiveTable, kafka: KafkaDigests, deleted_before: str | None) -> dict[Name, int]:
    """Return the summed digests, by batch or label, of the rows that Kafka has or should have.

    Raises
    ------
    DeltaError, OSError
        If a file cannot be read.
    """
    digests: dict[Name, int] = {}
    condition = pc.field("arrived") >= (kafka.oldest - COPIES_US if kafka.complete_from else 0)
    if deleted_before is not None:
        condition &= pc.field("day") >= pc.scalar(deleted_before).cast(pa.date32())
    columns = [name for name in table.kind.schema.names if name != "day"]
    rows_of = _batches_of if table.kind is SAMPLES else _labels_of
    for rows in table.delta.to_pyarrow_dataset().to_batches(columns=columns, filter=condition, batch_size=1 << 16):
        for name, arrived, digest in rows_of(rows):
            if name in kafka.digests or arrived >= kafka.complete_from:
                digests[name] = added(digests.get(name, 0), digest)
    return digests


def _batches_of(rows: pa.RecordBatch) -> Iterator[tuple[Name, int, int]]:
    """Yield name, newest arrival (µs) and summed digests of each batch among the rows; a batch may be incomplete."""
    if not rows.num_rows:
        return
    devices, sessions = (_dictionary_encode(rows[name]) for name in ("device", "session"))
    sequences = rows["sequence"].to_numpy()
    order = np.lexsort((sequences, sessions[0], devices[0]))
    keys = np.stack([devices[0][order], sessions[0][order], sequences[order]])
    begins = np.flatnonzero(np.r_[True, (keys[:, 1:] != keys[:, :-1]).any(axis=0)])
    axes = np.stack([rows[axis].to_numpy() for axis in "xyz"], axis=1)
    digests = reading_digests(rows["t"].to_numpy(), axes)[order]
    sums = np.add.reduceat(digests, begins, axis=0)
    arrived = np.maximum.reduceat(rows["arrived"].to_numpy()[order], begins)
    counts = np.diff(np.r_[begins, len(order)])
    for place, begin in enumerate(begins):
        device, session, sequence = keys[:, begin]
        name = (devices[1][device], sessions[1][session], int(sequence))
        yield name, int(arrived[place]), joined(int(counts[place]), int(sums[place, 0]), int(sums[place, 1]))


def _labels_of(rows: pa.RecordBatch) -> Iterator[tuple[Name, int, int]]:
    for row in rows.to_pylist():
        name = (row["device"], row["session"], row["start"], row["said_at"])
        yield name, row["arrived"], label_digest(row["end"], row["activity"], row["user"])


def _dictionary_encode(texts: AnyArray) -> tuple[NDArray[np.int64], list[str]]:
    """Return the code of each text, shape (n,), and the texts by code."""
    encoded = pc.dictionary_encode(texts)
    assert isinstance(encoded, pa.DictionaryArray)
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, list(map(str, encoded.dictionary.to_pylist()))
