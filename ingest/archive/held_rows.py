"""Messages that are read from Kafka but not committed yet, and their conversion to rows of a table."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from har.binary_samples import decode_batch
from har.labels import ENDLESS, Label, decode_label
from har.samples import SampleBatch
from ingest.archive.keys import key_of
from ingest.archive.state import TableState
from ingest.archive.table_kinds import LABELS, SAMPLES, TableKind

AnyArray: TypeAlias = "pa.Array[Any]"

DAY_US = 86_400_000_000
#: The sequence number of a label, which is a single message.
LABEL_SEQUENCE = 0


@dataclass(frozen=True, slots=True)
class Origin:
    """A message's position in Kafka.

    Attributes
    ----------
    partition, offset : int
        Its partition and offset in its topic.
    arrived : int
        Time at which it reached the gateway (Kafka's timestamp), µs since the epoch.
    """

    partition: int
    offset: int
    arrived: int


class HeldRows(Protocol):
    """Collects a topic's messages and converts them to rows.

    Attributes
    ----------
    kind : TableKind
        The table that the rows are for.
    row_count : int
        Number of held rows: readings or labels.
    """

    kind: TableKind
    row_count: int

    def add(self, message: bytes, origin: Origin, state: TableState) -> bool:
        """Add a message, unless it is a repeat or of a forgotten device; return whether it was added.

        Raises
        ------
        ValueError
            If it cannot be decoded.
        """

    def rows(self) -> pa.Table:
        """Return all held rows, sorted."""

    def clear(self) -> None:
        """Drop all held rows."""


@dataclass
class HeldSamples:
    """Held batches of readings.

    Attributes
    ----------
    row_count : int
        Number of held readings.
    """

    kind: TableKind = SAMPLES
    row_count: int = 0
    _batches: list[tuple[SampleBatch, int]] = field(default_factory=list)

    def add(self, message: bytes, origin: Origin, state: TableState) -> bool:
        """See `HeldRows`.

        Raises
        ------
        RejectedMessage
            If it cannot be decoded.
        """
        batch = decode_batch(message)
        oldest = int(batch.times.min())
        if state.forgotten.keeps_out(batch.device, batch.session, arrived=origin.arrived, oldest=oldest):
            return False
        key = key_of(batch.device, batch.session)
        if not state.seen.add(key, batch.sequence, origin.partition, origin.arrived, batch.numbers):
            return False
        self._batches.append((batch, origin.arrived))
        self.row_count += len(batch)
        return True

    def rows(self) -> pa.Table:
        """Return one row per reading, sorted by device, session and time."""
        if not self._batches:
            return SAMPLES.schema.empty_table()
        batches = [batch for batch, _ in self._batches]
        counts = [len(batch) for batch in batches]
        times = np.concatenate([batch.times for batch in batches])
        axes = np.concatenate([batch.axes for batch in batches])
        columns = {
            "device": _repeated([batch.device for batch in batches], counts),
            "session": _repeated([batch.session for batch in batches], counts),
            "sequence": np.repeat(np.array([batch.sequence for batch in batches], np.int64), counts),
            "t": times,
            **{axis: np.ascontiguousarray(axes[:, place]) for place, axis in enumerate("xyz")},
            "arrived": np.repeat(np.array([arrived for _, arrived in self._batches], np.int64), counts),
            "day": days_of(times),
        }
        return _table(SAMPLES, columns)

    def clear(self) -> None:
        """Drop all held rows."""
        self._batches.clear()
        self.row_count = 0


@dataclass
class HeldLabels:
    """Held labels.

    Attributes
    ----------
    row_count : int
        Number of held labels.
    """

    kind: TableKind = LABELS
    row_count: int = 0
    _labels: list[tuple[Label, int]] = field(default_factory=list)

    def add(self, message: bytes, origin: Origin, state: TableState) -> bool:
        """See `HeldRows`.

        Raises
        ------
        RejectedMessage
            If it cannot be decoded.
        """
        label = decode_label(message)
        if state.forgotten.keeps_out(label.device, label.session, arrived=origin.arrived, oldest=label.start):
            return False
        if not state.seen.add(key_of(*label_name(label)), LABEL_SEQUENCE, origin.partition, origin.arrived):
            return False
        self._labels.append((label, origin.arrived))
        self.row_count += 1
        return True

    def rows(self) -> pa.Table:
        """Return one row per label, sorted by device, session and start."""
        labels = [label for label, _ in self._labels]
        starts = np.array([label.start for label in labels], np.int64)
        columns = {
            "device": [label.device for label in labels],
            "session": [label.session for label in labels],
            "start": starts,
            "end": pa.array([None if label.end == ENDLESS else label.end for label in labels], pa.int64()),
            "activity": [label.activity for label in labels],
            "said_at": [label.said_at for label in labels],
            "user": pa.array([label.user for label in labels], pa.string()),
            "arrived": [arrived for _, arrived in self._labels],
            "day": days_of(starts),
        }
        return _table(LABELS, columns)

    def clear(self) -> None:
        """Drop all held rows."""
        self._labels.clear()
        self.row_count = 0


def label_name(label: Label) -> tuple[str, str, int, int]:
    """Return the values that identify a label: device, session, start and `said_at`, both µs since the epoch."""
    return label.device, label.session, label.start, label.said_at


def days_of(times: np.ndarray[tuple[int], np.dtype[np.int64]]) -> AnyArray:
    """Return the UTC days of times, µs since the epoch, shape (n,)."""
    return pa.array((times // DAY_US).astype(np.int32), pa.int32()).cast(pa.date32())


def day_name(time_us: int) -> str:
    """Return the UTC day of a time, µs since the epoch.

    Examples
    --------
    >>> day_name(1_700_000_000_000_000)
    '2023-11-14'
    """
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).date().isoformat()


def day_begin(day: str | None) -> int:
    """Return the start of a UTC day (ISO 8601), µs since the epoch; 0 for None."""
    return 0 if day is None else int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1_000_000


def _repeated(texts: Sequence[str], counts: Sequence[int]) -> AnyArray:
    codes = pc.dictionary_encode(pa.array(texts, pa.string()))
    assert isinstance(codes, pa.DictionaryArray)
    repeated = np.repeat(codes.indices.to_numpy(zero_copy_only=False), counts)
    return pa.DictionaryArray.from_arrays(pa.array(repeated, pa.int32()), codes.dictionary).cast(pa.string())


def _table(kind: TableKind, columns: dict[str, Any]) -> pa.Table:
    arrays = [pa.array(columns[column.name], column.type) for column in kind.schema]
    rows = pa.table(arrays, schema=kind.schema)
    # One chunk: deltalake does not keep the order of several.
    return rows.sort_by([(name, "ascending") for name in kind.order]).combine_chunks()
