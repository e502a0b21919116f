"""The two kinds of tables of an archive, and their columns."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from har import topics
from har.topics import Topic


@dataclass(frozen=True)
class TableKind:
    """Name, source and columns of a table of an archive.

    Attributes
    ----------
    name : str
        Name of the table and its folder.
    topic : Topic
        Kafka topic of its rows.
    schema : pyarrow.Schema
        Its columns; times are int64, µs since the epoch.
    order : tuple of str
        Columns by which rows are sorted within a file.
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
