"""The table format of all sources, and its parts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from har import recordings
from har.activity_names import canonical_activity
from har.recordings import Coded, RecordingError
from recording_files.known_data_sets import KNOWN_DATA_SETS, meaning_of

#: A column of an Arrow table.
AnyColumn: TypeAlias = "pa.Array[Any] | pa.ChunkedArray[Any]"
_Dictionary: TypeAlias = "pa.DictionaryArray[Any, Any]"
_TEXT = pa.dictionary(pa.int32(), pa.string())
TEXT_COLUMNS = ("user", "device", "model", "session", "gt")
#: `t` in µs; `x`, `y` and `z` in m/s², gravity included.
SCHEMA = pa.schema(
    [
        *((name, _TEXT) for name in ("user", "device", "model", "session")),
        ("t", pa.int64()),
        *((name, pa.float32()) for name in "xyz"),
        ("gt", _TEXT),
    ]
)
#: Most rows of a part. A reader holds one part in memory at a time.
PART_ROWS = 1 << 20


@dataclass(frozen=True, eq=False)
class Part:
    """Consecutive rows of one file, in its order.

    A session may continue in the next part. Readings that are not finite are kept. Training rejects them
    (`recording_files.checking.strictness`); the data report lists them.

    Attributes
    ----------
    table : pyarrow.Table
        The rows, in `SCHEMA`.
    file : Path
        File of the rows.
    first_row : int
        Number of the first row in the file, from 0.
    """

    table: pa.Table
    file: Path
    first_row: int = 0

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self.table.num_rows)

    def coded(self, name: str) -> Coded:
        """Return a text column."""
        column = cast(_Dictionary, self.table[name].combine_chunks())
        texts = np.array(column.dictionary.to_pylist(), np.str_)
        return Coded(texts, column.indices.to_numpy(zero_copy_only=False))

    def times(self) -> NDArray[np.int64]:
        """Return the event times, µs."""
        return np.asarray(self.table["t"].to_numpy())

    def axes(self) -> NDArray[np.float32]:
        """Return the readings, float32 ``(n, 3)``, m/s²."""
        return np.stack([self.table[name].to_numpy() for name in "xyz"], axis=1)

    def with_texts(self, name: str, texts: NDArray[np.object_]) -> "Part":
        """Return a part with another text column."""
        column = pa.array(texts, pa.string()).dictionary_encode()
        return Part(self.table.set_column(SCHEMA.get_field_index(name), name, column), self.file, self.first_row)

    def finite(self) -> "Part":
        """Return a part without the readings that are not finite. Its row numbers no longer match the file."""
        kept = np.isfinite(self.axes()).all(axis=1)
        return self if kept.all() else Part(self.table.filter(pa.array(np.atleast_1d(kept))), self.file, self.first_row)

    def without(self, label: str) -> "Part":
        """Return a part without the rows with a label. Its row numbers no longer match the file."""
        return Part(self.table.filter(pc.not_equal(self.table["gt"], pa.scalar(label))), self.file, self.first_row)


def make_table(columns: Mapping[str, AnyColumn]) -> pa.Table:
    """Create a table from columns."""
    return pa.Table.from_arrays(list(columns.values()), names=list(columns))


def constant_texts(text: str, count: int) -> _Dictionary:
    """Return a column with the same text in every row."""
    # Arrow converts an array of NumPy here value by value, but takes its own arrays as they are.
    return pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(count, np.int32), pa.int32()), pa.array([text], pa.string())
    )


def make_part(table: pa.Table, file: Path, first_row: int = 0) -> Part:
    """Convert rows to `SCHEMA`. Texts lose spaces around them; labels get the canonical form (`har.activity_names`).

    Parameters
    ----------
    table : pyarrow.Table
        A table with `har.recordings.COLUMNS`; other columns are ignored. `t` is in seconds, or in µs as integers.
    file : Path
        File of the rows, for error messages.
    first_row : int
        Number of the first row in the file, from 0.

    Raises
    ------
    RecordingError
        If a column, a text or a time is missing, or a number column is not numeric. Missing readings become NaN.
    """
    try:
        recordings.require_columns(table.column_names)
        texts = {name: _renamed(_coded_texts(table[name], name, first_row), str.strip) for name in TEXT_COLUMNS}
        texts["gt"] = _understood(_renamed(texts["gt"], canonical_activity), texts["device"])
        _require_values(table["t"], "t", first_row)
        times = recordings.event_times(table["t"].to_numpy(), first_row)
        axes = recordings.acceleration(*(table[name].to_numpy() for name in "xyz"))
    except RecordingError as error:
        raise RecordingError(f"{file}: {error}") from error
    numbers = {"t": times} | {name: axes[:, place] for place, name in enumerate("xyz")}
    columns = {**texts, **{name: pa.array(values, SCHEMA.field(name).type) for name, values in numbers.items()}}
    return Part(pa.table({name: columns[name] for name in SCHEMA.names}, schema=SCHEMA), file, first_row)


def _coded_texts(column: "pa.ChunkedArray[Any]", name: str, first_row: int) -> _Dictionary:
    _require_values(column, name, first_row)
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    whole = cast(_Dictionary, column.unify_dictionaries().combine_chunks())
    return pa.DictionaryArray.from_arrays(whole.indices.cast(pa.int32()), whole.dictionary.cast(pa.string()))


def _renamed(column: _Dictionary, name_of: Callable[[str], str]) -> _Dictionary:
    """Return a column with another text in place of each, and each text of its dictionary once."""
    texts = [str(text) for text in column.dictionary.to_pylist()]
    names = [name_of(text) for text in texts]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    if list(numbers) == texts:
        return column
    codes = np.array([numbers[name] for name in names], np.int32)
    return pa.DictionaryArray.from_arrays(codes[column.indices.to_numpy()], np.array(list(numbers), np.str_))


def _understood(labels: _Dictionary, devices: _Dictionary) -> _Dictionary:
    """Return the labels with the meaning that they have in the known data sets."""
    device_names, label_names = ([str(text) for text in column.dictionary.to_pylist()] for column in (devices, labels))
    if not KNOWN_DATA_SETS.keys() & set(device_names):
        return labels
    pairs = devices.indices.to_numpy().astype(np.int64) * len(label_names) + labels.indices.to_numpy()
    found, places = np.unique(pairs, return_inverse=True)
    meanings = [
        meaning_of(device_names[pair // len(label_names)], label_names[pair % len(label_names)])
        for pair in found.tolist()
    ]
    return _renamed(pa.DictionaryArray.from_arrays(places.astype(np.int32), np.array(meanings, np.str_)), str)


def _require_values(column: "pa.ChunkedArray[Any]", name: str, first_row: int) -> None:
    if column.null_count:
        first = first_row + int(pc.index(column.is_null(), True).as_py())
        raise RecordingError(f"{column.null_count} row(s) have no {name}, first row {first}")
