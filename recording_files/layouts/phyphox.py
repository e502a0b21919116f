"""Exports of phyphox (RWTH Aachen): *Acceleration (with g)* and *Acceleration (without g)* as CSV.

The export is a zip archive with `Raw Data.csv` or `Accelerometer.csv`, and a folder `meta`, or one such table. The
header names quantities and units: ``"Time (s)","Acceleration x (m/s^2)", …``. On both systems the app gives Android's
signs (its source: `AccelerometerSensor` multiplies an iPhone's readings by -9.81).
"""

from recording_files.layout import Layout, TimeUnit, Unit
from recording_files.table_head import TableHead

TIME = "Time (s)"
_WITH_GRAVITY = r"Acceleration AXIS \(m/s(\^2|²)\)"
_WITHOUT_GRAVITY = r"Linear Acceleration AXIS \(m/s(\^2|²)\)"


def layout_of(head: TableHead) -> Layout | None:
    """Return the layout if it is a table of phyphox; else None.

    Readings without gravity have a layout, too: the check of the recording says what is missing.
    """
    axes = head.three_named(_WITH_GRAVITY) or head.three_named(_WITHOUT_GRAVITY)
    if axes is None or not head.has(TIME):
        return None
    return Layout(format="phyphox", axes=axes, unit=Unit.METRES, time=head.time(TIME, TimeUnit.SECONDS))
