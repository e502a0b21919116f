"""What a Python program passes as a recording: a path, a data frame or an array, and what it says about the columns."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ValidationError

from har.recordings import RecordingError
from recording_files import Source, find_source
from recording_files.column_options import ColumnOptions
from recording_files.formats.in_memory import ArraySource, FrameSource
from recording_files.layout import Unit
from recording_files.settings import ColumnFields

#: Readings: the path of a file or folder, a data frame with a row for each reading, or an array of shape (n, 3).
Readings = str | Path | pd.DataFrame | NDArray[np.floating]
#: Event times: µs as integers, seconds as floating point, or datetime64.
ArrayTimes = NDArray[Any] | Sequence[float]


class ColumnStatements(TypedDict, total=False):
    """What a caller states about the columns, as the options of the same names of `har classify` do.

    Attributes
    ----------
    time : str
        The column of the event times.
    time_unit : {'s', 'ms', 'us', 'ns', 'date', 'clock'}
        Their unit; ``'clock'`` for times of day.
    x, y, z : str
        The columns of the axes; all three or none.
    unit : {'m/s2', 'g', 'mg'}
        The unit of the axes.
    signs : {'android', 'iphone'}
        ``'iphone'`` if all signs are the opposite of Android's.
    rate_hz : float
        The sample rate of readings without times, Hz.
    label, user, session, device, model : str
        The columns of the activity, the person, the session, the device and the phone's model.
    encoding : str
        The encoding of a text file.
    """

    time: str
    time_unit: Literal["s", "ms", "us", "ns", "date", "clock"]
    x: str
    y: str
    z: str
    unit: Literal["m/s2", "g", "mg"]
    signs: Literal["android", "iphone"]
    rate_hz: float
    label: str
    user: str
    session: str
    device: str
    model: str
    encoding: str


def source_of(data: Readings | Source, times: ArrayTimes | None = None, **stated: Unpack[ColumnStatements]) -> Source:
    """Return a data set for what a program passes.

    Parameters
    ----------
    data : str, Path, DataFrame, ndarray of shape (n, 3), or Source
        The readings.
    times : array-like of shape (n,), optional
        Event times of an array: µs as integers, seconds as floating point, or datetime64.
    **stated
        See `ColumnStatements`. For an array, only `unit`, `signs` and `rate_hz`.

    Raises
    ------
    RecordingError
        If it cannot be read or is not understood, or a statement does not fit it.
    TypeError
        If it is none of these, such as a list.
    """
    columns = column_fields(**stated).columns()
    if isinstance(data, Source):
        return data
    if isinstance(data, np.ndarray):
        require_only(stated, {"unit", "signs", "rate_hz"}, "readings in an array")
        return ArraySource(in_metres(data, columns), times, rate_hz=columns.rate_hz)
    if not isinstance(data, str | Path | pd.DataFrame):
        raise TypeError(f"recordings are a path, a pandas DataFrame or a NumPy array, not {type(data).__name__}")
    if times is not None:
        raise RecordingError("times= belongs to an array; name the column of a table with time=")
    return FrameSource(data, columns) if isinstance(data, pd.DataFrame) else find_source(data, options=columns)


def column_fields(**stated: Unpack[ColumnStatements]) -> ColumnFields:
    """Return statements as the options that the commands take.

    Raises
    ------
    RecordingError
        If a value is not one of the known ones, or only some of the axes are named.
    TypeError
        If there is no statement of a name.

    Examples
    --------
    >>> column_fields(time="when", time_unit="ms", label="doing").columns().texts
    {'gt': 'doing'}
    """
    known = ColumnFields.model_fields
    if unknown := sorted(stated.keys() - known.keys()):
        raise TypeError(f"unknown argument {', '.join(unknown)}; known are {', '.join(known)}")
    try:
        return ColumnFields(**stated)
    except ValidationError as error:
        faults = [(".".join(map(str, fault["loc"])), fault["msg"]) for fault in error.errors()]
        raise RecordingError("; ".join(f"{name}: {text}".removeprefix(": ") for name, text in faults)) from error


def in_metres(values: NDArray[Any], columns: ColumnOptions) -> NDArray[np.floating]:
    """Return readings in m/s² with Android's signs.

    Parameters
    ----------
    values : ndarray of any shape
        The readings, in the stated unit and signs, else m/s² with Android's signs.
    columns : ColumnOptions
        What is stated.

    Raises
    ------
    RecordingError
        If they are no real numbers.
    """
    try:
        numbers = values.astype(np.float64) if values.dtype == object else values
    except (TypeError, ValueError) as error:
        raise RecordingError(f"an array of readings holds numbers only: {error}") from error
    if numbers.dtype.kind not in "fiu":
        raise RecordingError(f"an array of readings holds real numbers, not {numbers.dtype}")
    unit = (columns.unit or Unit.METRES).in_metres
    return cast("NDArray[np.floating]", numbers * (-unit if columns.is_inverted else unit))


def require_only(stated: ColumnStatements, known: Collection[str], what: str) -> None:
    """Raise if something is stated that has no meaning for what is passed.

    Raises
    ------
    RecordingError
        With the statements that have none.
    """
    if unfit := sorted(stated.keys() - known):
        raise RecordingError(f"{what} take no {', '.join(f'{name}=' for name in unfit)}")
