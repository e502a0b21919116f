"""HHAR's tables of phones and watches, with and without their header. `har.hhar` describes their clocks."""

from har import hhar
from recording_files.layout import Layout, TimeColumn, TimeUnit, Unit
from recording_files.table_head import TableHead
from recording_files.text_form import NotATableError

#: The other columns may be missing: labels, if somebody wants to know them.
_NEEDED = ("Arrival_Time", "Creation_Time", "x", "y", "z")
#: Accelerometers of HHAR show gravity, about 9.8 m/s². A smaller median magnitude of the first readings is not theirs.
_LEAST_GRAVITY = 4.0
_INDEX, _ARRIVED, _CREATED = 0, 1, 2


def layout_of(head: TableHead) -> Layout | None:
    """Return the layout if it is a table of HHAR; else None.

    Raises
    ------
    NotATableError
        If it is one of its gyroscopes', whose columns are the same.
    """
    names = head.names
    if head.form.has_header:
        if not head.has(*_NEEDED):
            return None
        columns = {name: name for name in names}
    else:
        if not _is_headless(head):
            return None
        columns = dict(zip(hhar.CSV_COLUMNS, names, strict=True))
    axes = (columns["x"], columns["y"], columns["z"])
    if (head.median_magnitude(axes) or _LEAST_GRAVITY) < _LEAST_GRAVITY:
        raise NotATableError(
            f"{head.place} is a table of HHAR's gyroscopes, not of an accelerometer: its readings show no gravity"
        )
    created = columns["Creation_Time"]
    clock = hhar.chosen_clock(head.cells(created))
    if clock is hhar.Clock.ARRIVAL:
        time = TimeColumn(columns["Arrival_Time"], TimeUnit.MILLISECONDS, is_whole=True)
    else:
        time = TimeColumn(created, TimeUnit.NANOSECONDS, is_whole=clock is hhar.Clock.EXACT)
    texts = {"user": "User", "device": "Device", "model": "Model", "gt": "gt"}
    return Layout(
        format="HHAR",
        axes=axes,
        unit=Unit.METRES,
        time=time,
        texts={name: columns[column] for name, column in texts.items() if column in columns},
        constants={"session": hhar.SESSION},
    )


def _is_headless(head: TableHead) -> bool:
    """Return whether the cells look like HHAR's: a row number, two times since 1970, three readings, four texts."""
    if len(head.names) != len(hhar.CSV_COLUMNS):
        return False
    first = head.rows[0]
    try:
        created_ns, arrived_ms = float(first[_CREATED]), int(first[_ARRIVED])
        is_row, _ = int(first[_INDEX]) >= 0, [float(cell) for cell in first[3:6]]
    except ValueError:
        return False
    return is_row and 1e12 < arrived_ms < 1e13 and 1e18 < created_ns < 1e19
