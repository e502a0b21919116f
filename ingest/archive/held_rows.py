"""What was read from Kafka and is not committed yet, on its way to rows of a table."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from har.labels import ENDLESS, Label, decode_label
from har.samples import SampleBatch, decode_batch
from ingest.archive.keys import key_of
from ingest.archive.state import TableState
from ingest.archive.tables import LABELS, SAMPLES, TableKind

AnyArray: TypeAlias = "pa.Array[Any]"

DAY_US = 86_400_000_000
#: Only the number of a label's one message.
ONLY = 0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a message lies in Kafka.

    Attributes
    ----------
    partition, offset : int
        Its place in its topic.
    arrived : int
        When it reached the gateway (Kafka's timestamp), µs.
    """

    partition: int
    offset: int
    arrived: int


class HeldRows(Protocol):
    """Takes a topic's messages and makes rows of them."""

    kind: TableKind
    readings: int

    def take(self, message: bytes, origin: Origin, state: TableState) -> bool:
        """Take a message; return whether it is new and not to be kept out.

        Raises
        ------
        ValueError
            If it cannot be decoded.
        """

    def rows(self) -> pa.Table:
        """Return everything that is held, sorted."""

    def clear(self) -> None:
        """Hold nothing any more."""


@dataclass
class HeldSamples:
    """Batches of readings.

    Attributes
    ----------
    readings : int
        How many readings are held.
    """

    kind: TableKind = SAMPLES
    readings: int = 0
    _batches: list[tuple[SampleBatch, int]] = field(default_factory=list)

    def take(self, message: bytes, origin: Origin, state: TableState) -> bool:
        """See `HeldRows`.

        Raises
        ------
        RejectedBatch
            If it cannot be decoded.
        """
        batch = decode_batch(message)
        oldest = int(batch.times.min())
        if state.forgotten.keeps_out(batch.device, batch.session, arrived=origin.arrived, oldest=oldest):
            return False
        if not state.seen.add(key_of(batch.device, batch.session), batch.sequence, origin.partition, origin.arrived):
            return False
        self._batches.append((batch, origin.arrived))
        self.readings += len(batch)
        return True

    def rows(self) -> pa.Table:
        """Return a row a reading, sorted by device, session and time."""
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
        """Hold nothing any more."""
        self._batches.clear()
        self.readings = 0


@dataclass
class HeldLabels:
    """Labels.

    Attributes
    ----------
    readings : int
        How many labels are held.
    """

    kind: TableKind = LABELS
    readings: int = 0
    _labels: list[tuple[Label, int]] = field(default_factory=list)

    def take(self, message: bytes, origin: Origin, state: TableState) -> bool:
        """See `HeldRows`.

        Raises
        ------
        RecordingError
            If it cannot be decoded.
        """
        said = decode_label(message)
        if state.forgotten.keeps_out(said.device, said.session, arrived=origin.arrived, oldest=said.start):
            return False
        if not state.seen.add(key_of(*label_name(said)), ONLY, origin.partition, origin.arrived):
            return False
        self._labels.append((said, origin.arrived))
        self.readings += 1
        return True

    def rows(self) -> pa.Table:
        """Return a row a label, sorted by device, session and start."""
        said = [label for label, _ in self._labels]
        starts = np.array([each.start for each in said], np.int64)
        columns = {
            "device": [each.device for each in said],
            "session": [each.session for each in said],
            "start": starts,
            "end": pa.array([None if each.end == ENDLESS else each.end for each in said], pa.int64()),
            "activity": [each.activity for each in said],
            "said_at": [each.said_at for each in said],
            "user": pa.array([each.user for each in said], pa.string()),
            "arrived": [arrived for _, arrived in self._labels],
            "day": days_of(starts),
        }
        return _table(LABELS, columns)

    def clear(self) -> None:
        """Hold nothing any more."""
        self._labels.clear()
        self.readings = 0


def label_name(said: Label) -> tuple[str, str, int, int]:
    """Return what a label is known by."""
    return said.device, said.session, said.start, said.said_at


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
    """Return when a UTC day begins, µs since the epoch; 0 of None."""
    return 0 if day is None else int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1_000_000


def _repeated(texts: Sequence[str], counts: Sequence[int]) -> AnyArray:
    codes = pc.dictionary_encode(pa.array(texts, pa.string()))
    assert isinstance(codes, pa.DictionaryArray)
    repeated = np.repeat(codes.indices.to_numpy(zero_copy_only=False), counts)
    return pa.DictionaryArray.from_arrays(pa.array(repeated, pa.int32()), codes.dictionary).cast(pa.string())


def _table(kind: TableKind, columns: dict[str, Any]) -> pa.Table:
    arrays = [pa.array(columns[each.name], each.type) for each in kind.schema]
    rows = pa.table(arrays, schema=kind.schema)
    # In one piece: the library writes several in an order of its own.
    return rows.sort_by([(name, "ascending") for name in kind.order]).combine_chunks()
