"""HHAR's table of readings: its columns, and which of its two clocks to use.

HHAR (*Heterogeneity Human Activity Recognition*; Stisen et al., "Smart devices are different: assessing and
mitigating mobile sensing heterogeneities for activity recognition", SenSys 2015) has one row per reading in
`Phones_accelerometer.csv`. `Creation_Time` is when the phone measured the reading, by its own clock, in ns.
`Arrival_Time` is when the app received it, in ms. Windows are cut in event time, so `Creation_Time` is used unless a
spreadsheet has rounded it too far. `recording_files.layouts.hhar` reads the table.
"""

from collections.abc import Sequence
from enum import StrEnum

from har.recordings import RecordingError

CSV_COLUMNS = ("Index", "Arrival_Time", "Creation_Time", "x", "y", "z", "User", "Model", "Device", "gt")
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
