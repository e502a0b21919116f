"""Readings that a program holds already: a data frame of any columns, or an array, as a data set like a file's."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from har.recordings import RecordingError, event_times
from har.releases import TrainingData
from har.resampling import Times
from har.time_units import MICROSECONDS
from recording_files.column_options import NOTHING_STATED, ColumnOptions
from recording_files.data_sets import data_sets_of_devices
from recording_files.recognition import recognised
from recording_files.source import Source
from recording_files.table import PART_ROWS, TEXT_COLUMNS, Part, constant_texts, make_part, make_table
from recording_files.table_head import TableHead, text_of
from recording_files.text_form import TextForm
from recording_files.text_reading import DEFAULT_TEXTS, project_parts

#: Rows that a frame's columns are recognised by.
_HEAD_ROWS = 2_000
#: Nobody is named, and no file could stand for a name.
_NO_NAMES = {"user": "", "session": ""}


class FrameSource(Source):
    """A data frame. Its columns are recognised as those of a text table; its index counts as one if it has times.

    Parameters
    ----------
    frame : pandas.DataFrame
        The readings, one a row.
    options : ColumnOptions
        What the person stated about its columns.

    Raises
    ------
    RecordingError
        If it has no rows, or its columns are not understood.
    """

    def __init__(self, frame: pd.DataFrame, options: ColumnOptions = NOTHING_STATED) -> None:
        self.path = Path("DataFrame")
        index = frame.index
        is_of_times = isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex)
        if is_of_times or (index.name is not None and index.name not in frame.columns):
            frame = frame.reset_index(names=index.name or "time")
        if frame.empty:
            raise RecordingError(f"{self.path} has no rows")
        form = TextForm("utf-8", ",", ".", tuple(map(str, frame.columns)), skipped_lines=0, has_header=True)
        self._frame = frame.set_axis(form.unique_names, axis="columns")
        layout = recognised(TableHead(self.path, form, _cells(self._frame.head(_HEAD_ROWS))), options)
        self._layout = msgspec.structs.replace(layout, constants=_NO_NAMES | layout.constants)
        self.rate_hz = layout.rate_hz

    def parts(self) -> Iterator[Part]:
        """Convert the rows in their order."""
        return project_parts(self._tables(), self._layout, self.path)

    def provenance(self) -> list[TrainingData]:
        """Return the data sets whose devices are named."""
        return data_sets_of_devices({str(device) for part in self.parts() for device in part.coded("device").texts})

    def understood(self) -> list[str]:
        """Return what was understood of the columns, in sentences."""
        return [*self._layout.describe(), *self._layout.describe_unread(map(str, self._frame.columns))]

    def _tables(self) -> Iterator[pa.Table]:
        for first in range(0, len(self._frame), PART_ROWS):
            rows = self._frame.iloc[first : first + PART_ROWS]
            yield make_table({name: self._column(rows, name) for name in self._layout.columns})

    def _column(self, rows: pd.DataFrame, name: str) -> Any:  # noqa: ANN401 - one of Arrow's many kinds of columns
        layout = self._layout
        try:
            column: Any = pa.chunked_array([pa.array(rows[name], from_pandas=True)])
            if name in (*layout.axes, *(layout.gravity or ())):
                return column.cast(pa.float64())
            if name in layout.texts.values():
                return pc.fill_null(column.cast(pa.string()), "").dictionary_encode()
        except (pa.ArrowException, TypeError) as error:
            raise RecordingError(f"{self.path}: the column {name!r} cannot be read: {error}") from error
        return column


class ArraySource(Source):
    """Readings in an array, of one session.

    Parameters
    ----------
    axes : ndarray of float, shape (n, 3)
        The readings, m/s², gravity included, Android's signs.
    times : ndarray, shape (n,), optional
        Event times: µs as integers, seconds as floating point, or datetime64.
    rate_hz : float, optional
        Sample rate, Hz; needed without `times`. Reading `i` was measured at ``i / rate_hz`` then.

    Raises
    ------
    RecordingError
        If a shape is wrong, there are no readings, or neither times nor a rate.
    """

    def __init__(
        self,
        axes: NDArray[np.floating],
        times: NDArray[np.generic] | Sequence[float] | None = None,
        *,
        rate_hz: float | None = None,
    ) -> None:
        self.path = Path("array")
        if axes.ndim != 2 or axes.shape[1] != 3:
            raise RecordingError(f"an array of readings has the shape (n, 3), not {axes.shape}")
        if not len(axes):
            raise RecordingError(f"{self.path} has no rows")
        self._times = _times_of(len(axes), times, rate_hz)
        self._axes = axes.astype(np.float32)
        self.rate_hz = rate_hz

    def parts(self) -> Iterator[Part]:
        """Return the readings in their order."""
        texts = DEFAULT_TEXTS | _NO_NAMES
        for first in range(0, len(self._axes), PART_ROWS):
            axes = self._axes[first : first + PART_ROWS]
            columns: dict[str, Any] = {name: constant_texts(texts[name], len(axes)) for name in TEXT_COLUMNS}
            columns |= {"t": pa.array(self._times[first : first + PART_ROWS])}
            columns |= {name: pa.array(axes[:, number]) for number, name in enumerate("xyz")}
            yield make_part(make_table(columns), self.path, first)

    def provenance(self) -> list[TrainingData]:
        """Return nothing: an array does not say where it is from."""
        return []


def _times_of(count: int, times: NDArray[np.generic] | Sequence[float] | None, rate_hz: float | None) -> Times:
    if times is None:
        if not rate_hz:
            raise RecordingError("an array of readings has no times: pass times= (µs as integers, or s) or rate_hz=")
        return np.round(np.arange(count) * (MICROSECONDS / rate_hz)).astype(np.int64)
    if isinstance(times, pd.Series | pd.Index) and isinstance(times.dtype, pd.DatetimeTZDtype):
        times = pd.DatetimeIndex(times).tz_convert(None).to_numpy()
    found = event_times(np.asarray(times))
    if found.shape != (count,):
        raise RecordingError(f"{count} readings need as many times, not an array of shape {found.shape}")
    return found


def _cells(head: pd.DataFrame) -> list[list[str]]:
    rows = head.astype(object).itertuples(index=False, name=None)
    return [["" if value is pd.NA else text_of(value) for value in row] for row in rows]
