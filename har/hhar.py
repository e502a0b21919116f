"""HHAR's table of readings: its columns, and what its two clocks are worth.

HHAR (*Heterogeneity Human Activity Recognition*; Stisen et al., "Smart devices are different: assessing and
mitigating mobile sensing heterogeneities for activity recognition", SenSys 2015) keeps a row a reading in
`Phones_accelerometer.csv`. `Creation_Time` is the time of the measurement by the phone's clock, in ns;
`Arrival_Time` is when the app got it, in ms. Windows are cut in event time, so the first is taken, unless a
spreadsheet rounded it away. This module sees arrays; who reads the file is the caller.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har.recordings import RecordingError
from har.resampling import Times

CSV_COLUMNS = ("Index", "Arrival_Time", "Creation_Time", "x", "y", "z", "User", "Model", "Device", "gt")
#: What is read of them: the row's number says nothing that its place does not.
READ_COLUMNS = CSV_COLUMNS[1:]
#: All that `gt` may say.
LABELS = ("bike", "null", "sit", "stairsdown", "stairsup", "stand", "walk")
#: The table says nothing of sessions: what a phone recorded of a user is one.
SESSION = "hhar"
#: A `Creation_Time` with fewer different values than this share of its rows was rounded by a spreadsheet.
DISTINCT_ENOUGH = 0.5
_LOOKED_AT = 1_000


class Clock(StrEnum):
    """Where a table's event times come from.

    Attributes
    ----------
    EXACT
        `Creation_Time`, as whole ns.
    ROUNDED
        `Creation_Time`, written by a spreadsheet as 1.42469663191325e+18, with enough digits to tell readings apart.
    ARRIVAL
        `Arrival_Time`, because `Creation_Time` was rounded to fewer digits than that.
    """

    EXACT = "exact"
    ROUNDED = "rounded"
    ARRIVAL = "arrival"


def require_csv_columns(names: Sequence[str]) -> None:
    """Raise if a table's columns are not HHAR's.

    Raises
    ------
    RecordingError
        With what is missing.

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
    """Choose the clock of a table by its `Creation_Time`, as written.

    Parameters
    ----------
    created : sequence of str
        The column's beginning, or all of it.

    Raises
    ------
    RecordingError
        If a value is no number.

    Examples
    --------
    >>> chosen_clock(["1424696631913248572", "1424696631918283972"]).value
    'exact'
    >>> chosen_clock(["1.42469663191325e+18", "1.42469663191828e+18"]).value
    'rounded'
    >>> chosen_clock(["1.42E+18", "1.42E+18", "1.42E+18"]).value
    'arrival'
    """
    if not any("e" in text.lower() or "." in text for text in created[:_LOOKED_AT]):
        return Clock.EXACT
    try:
        distinct = len({float(text) for text in created})
    except ValueError as error:
        raise RecordingError(f"Creation_Time holds what is no number: {error}") from error
    return Clock.ROUNDED if distinct >= DISTINCT_ENOUGH * len(created) else Clock.ARRIVAL


def event_times(created_ns: NDArray[np.integer] | NDArray[np.floating], arrived_ms: Times, clock: Clock) -> Times:
    """Return when readings were measured.

    Parameters
    ----------
    created_ns : ndarray of int64 or float64, shape (n,)
        `Creation_Time`; integers if the clock is exact.
    arrived_ms : ndarray of int64, shape (n,)
        `Arrival_Time`.
    clock : Clock
        Which of them counts.

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
    """Name HHAR's columns as `har.recordings` does.

    Parameters
    ----------
    table : mapping of str to ndarray
        `READ_COLUMNS`, `Creation_Time` as numbers.
    clock : Clock
        Where event times come from.

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
