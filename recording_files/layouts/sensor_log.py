"""Recordings of SensorLog (Bernd Thomas) on an iPhone or a watch: ``accelerometerAccelerationX(G)`` and others.

The accelerometer is in g with Apple's signs, gravity included. Tables with Core Motion only hold
``motionUserAccelerationX(G)`` and ``motionGravityX(G)``, which are added.
"""

from recording_files.layout import Layout, TimeColumn, TimeUnit, Unit
from recording_files.table_head import TableHead

_ACCELEROMETER = r"accelerometerAccelerationAXIS\(G\)"
_USER = r"motionUserAccelerationAXIS\(G\)"
_GRAVITY = r"motionGravityAXIS\(G\)"
#: Columns of times, the preferred first.
_TIMES = (
    ("accelerometerTimestamp_sinceReboot(s)", TimeUnit.SECONDS),
    ("motionTimestamp_sinceReboot(s)", TimeUnit.SECONDS),
    ("accelerometerTimestamp_since1970(s)", TimeUnit.SECONDS),
    ("loggingTime(txt)", TimeUnit.DATE),
)


def layout_of(head: TableHead) -> Layout | None:
    """Return the layout if it is a table of SensorLog; else None."""
    axes, gravity = head.three_named(_ACCELEROMETER), None
    if axes is None:
        axes, gravity = head.three_named(_USER), head.three_named(_GRAVITY)
        if gravity is None:
            return None
    time = _time(head)
    if axes is None or time is None:
        return None
    texts = {"device": "deviceID(txt)"} if head.has("deviceID(txt)") else {}
    return Layout(format="SensorLog", axes=axes, gravity=gravity, unit=Unit.G, is_inverted=True, time=time, texts=texts)


def _time(head: TableHead) -> TimeColumn | None:
    return next((head.time(name, unit) for name, unit in _TIMES if head.has(name)), None)
