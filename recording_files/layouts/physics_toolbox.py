"""Recordings of Physics Toolbox Sensor Suite (Vieyra Software): ``time,gFx,gFy,gFz`` in g, or ``ax, ay, az``.

The g-force meter holds gravity; the linear accelerometer (``ax``, m/s²) does not. `time` is in seconds since the start,
or the time of day.
"""

from recording_files.layout import Layout, Unit
from recording_files.table_head import TableHead


def layout_of(head: TableHead) -> Layout | None:
    """Return the layout if it is a table of the app's g-force meter; else None.

    The columns of the linear accelerometer are those of many other programs: they are read by their names
    (`recording_files.layouts.common_names`).
    """
    axes = head.three_named("gFAXIS")
    if axes is None or not head.has("time"):
        return None
    time = head.time_by_spacing("time")
    return None if time is None else Layout(format="Physics Toolbox", axes=axes, unit=Unit.G, time=time)
