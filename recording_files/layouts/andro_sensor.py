"""Recordings of AndroSensor (Fiv Asim): ``ACCELEROMETER X (m/s²)``, …, ``Time since start in ms``.

Files are written in the phone's encoding, so the sign ² may be damaged; the names of newer versions of the app begin
with a space and write ``TIME SINCE START (ms)``.
"""

from recording_files.layout import Layout, TimeUnit, Unit
from recording_files.table_head import TableHead

_AXES = r"ACCELEROMETER AXIS \(m/s.{0,3}\)"
_TIME = r"Time since start (in ms|\(ms\))"


def layout_of(head: TableHead) -> Layout | None:
    """Return the layout if it is a table of AndroSensor; else None."""
    axes, time = head.three_named(_AXES), head.named(_TIME)
    if axes is None or time is None:
        return None
    return Layout(format="AndroSensor", axes=axes, unit=Unit.METRES, time=head.time(time, TimeUnit.MILLISECONDS))
