"""HHAR's table of readings: its columns, and which of its two clocks to use.

HHAR (*Heterogeneity Human Activity Recognition*; Stisen et al., "Smart devices are different: assessing and
mitigating mobile sensing heterogeneities for activity recognition", SenSys 2015) has one row per reading in
`Phones_accelerometer.csv`. `Creation_Time` is when the phone measured the reading, by its own clock, in ns.
`Arrival_Time` is when the app received it, in ms. Windows are cut in event time, so `Creation_Time` is used unless a
spreadsheet has rounded it too far. The caller reads the file; this module works on arrays.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har.recordings import RecordingError
from har.resampling import Times

CSV_COLUMNS = ("Index", "Arrival_Time", "Creation_Time", "x", "y", "z", "User", "Model", "Device", "gt")
#: The columns that are read: all but the row's number.
READ_COLUMNS = CSV_COLUMNS[1:]
#: The table has no sessions: all readings of a phone and a user form one.
SESSION = "hhar"
#: If fewer than this share of the values of `Creation_Time` differ, it was rounded too far to be used.
DISTINCT_ENOUGH = 0.5
_INSPECTED_ROWS = 1_000


class Clock(StrEnum):
    """The source of a table's event times.

    Attributes
    ----------
    EXACT
        `Creation_Time`, as whole ns.
    ROUNDED
        `Creation_Time`, rounded by a spreadsheet (1.42469663191325e+18) with enough digits to separate readings.
    ARRIVAL
        `Arrival_Time`, because `Creation_Time` has fewer digits than that.
    """

    EXACT = "exact"
    ROUNDED = "rounded"
    ARRIVAL = "arrival"


def require_csv_columns(names: Sequence[str]) -> None:
    """Raise if a table lacks one of HHAR's columns.

    Raises
    ------
    RecordingError
        With the missing columns.

    Examples
    --------
    >>> require_csv_columns([name for name in CSV_COLUMNS if name != "gt"])
    Traceback (most recent call last):
    har.recordings.RecordingError: no column gt; HHAR's are Index,Arrival_Time,Creation_Time,x,y,z,User,Model,Device,gt
    """
    missing = [name for name in READ_COLUMNS if name not in names]
    if missing:
        raise RecordingError(f"no column {', '.join(missing)}; HHAR's are {','.join(CSV_COLUMNS)}")


def chosen_clock(created: Sequence[str]) -> Clock:
    """Choose the clock of a table by the text of its `Creation_Time`.

    Parameters
    ----------
    created : sequence of str
        The column's beginning, or all of it.

    Raises
    ------
    RecordingError
        If a value is not a number.

    Examples
    --------
    >>> chosen_clock(["1424696631913248572", "1424696631918283972"]).value
    'exact'
    >>> chosen_clock(["1.42469663191325e+18", "1.42469663191828e+18"]).value
    'rounded'
    >>> chosen_clock(["1.42E+18", "1.42E+18", "1.42E+18"]).value
    'arrival'
    """
    if not any("e" in text.lower() or "." in text for text in created[:_INSPECTED_ROWS]):
        return Clock.EXACT
    try:
        distinct = len({float(text) for text in created})
    except ValueError as error:
        raise RecordingError(f"Creation_Time must be numbers: {error}") from error
    return Clock.ROUNDED if distinct >= DISTINCT_ENOUGH * len(created) else Clock.ARRIVAL


def event_times(created_ns: NDArray[np.integer] | NDArray[np.floating], arrived_ms: Times, clock: Clock) -> Times:
    """Return the event times of readings.

    Parameters
    ----------
    created_ns : ndarray of int64 or float64, shape (n,)
        `Creation_Time`, ns; integers if the clock is exact.
    arrived_ms : ndarray of int64, shape (n,)
        `Arrival_Time`, ms.
    clock : Clock
        Which of them to use.

    Returns
    -------
    ndarray of int64, shape (n,)
        µs since the epoch.
    """
    if clock is Clock.ARRIVAL:
        return np.asarray(arrived_ms, np.int64) * 1000
    if clock is Clock.ROUNDED:
        return np.round(np.asarray(created_ns, np.float64) / 1000).astype(np.int64)
    return np.asarray(created_ns, np.int64) // 1000


def recording_columns(table: Mapping[str, NDArray[Any]], clock: Clock) -> dict[str, NDArray[Any]]:
    """Rename HHAR's columns to those of `har.recordings`.

    Parameters
    ----------
    table : mapping of str to ndarray
        `READ_COLUMNS`, `Creation_Time` as numbers.
    clock : Clock
        The source of the event times.

    Returns
    -------
    dict of str to ndarray
        `har.recordings.COLUMNS`, with `t` in µs.
    """
    return {
        "user": table["User"],
        "device": table["Device"],
        "model": table["Model"],
        "session": np.full(len(table["User"]), SESSION),
        "t": event_times(table["Creation_Time"], table["Arrival_Time"], clock),
        **{name: table[name] for name in ("x", "y", "z", "gt")},
    }
