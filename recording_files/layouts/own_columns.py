"""The project's own columns: `user, device, model, session, t, x, y, z, gt`."""

from har.recordings import COLUMNS
from recording_files.layout import Layout, TimeColumn, TimeUnit, Unit
from recording_files.table_head import TableHead


def layout_of(head: TableHead) -> Layout | None:
    """Return the layout if the table has the project's columns; else None.

    `t` is in seconds, or in µs if all of its numbers are whole, as in Parquet.
    """
    if not head.has(*COLUMNS):
        return None
    time = head.time("t", TimeUnit.MICROSECONDS)
    if not time.is_whole:
        dates = head.time_by_spacing("t")
        time = dates if dates and dates.unit is TimeUnit.DATE else TimeColumn("t", TimeUnit.SECONDS)
    return Layout(
        format="this project's columns",
        axes=("x", "y", "z"),
        unit=Unit.METRES,
        time=time,
        texts={name: name for name in ("user", "device", "model", "session", "gt")},
    )
