"""Tables without a header that hold nothing but numbers: x, y, z; or a time that rises, then x, y, z.

HAPT's `acc_exp01_user01.txt` (see `recording_files.formats.hapt`) is the first kind, in g at 50 Hz.
"""

import re

from recording_files.layout import Layout, Unit
from recording_files.table_head import TableHead
from recording_files.text_form import is_number

_HAPT = re.compile(r"acc_exp(\d+)_user(\d+)")
HAPT_HZ = 50.0


def layout_of(head: TableHead) -> Layout | None:
    """Return the layout if it is such a table; else None."""
    if head.form.has_header or len(head.names) not in (3, 4) or not all(map(is_number, head.rows[0])):
        return None
    axes = (head.names[-3], head.names[-2], head.names[-1])
    unit = head.unit_by_magnitude(axes)
    if unit is None:
        return None
    if len(head.names) == 4:
        time = head.time_by_spacing(head.names[0])
        named = Layout(format="time and three axes without a header", axes=axes, unit=unit, time=time)
        return named if time else None
    return _hapt(head, axes) or Layout(format="three axes without a header", axes=axes, unit=unit, time=None)


def _hapt(head: TableHead, axes: tuple[str, str, str]) -> Layout | None:
    found = _HAPT.fullmatch(head.place.stem)
    if found is None:
        return None
    names = {"user": f"u{found[2]}", "device": "galaxy_s2", "model": "Samsung Galaxy S II", "session": f"e{found[1]}"}
    return Layout(
        format="HAPT, a raw file without labels",
        axes=axes,
        unit=Unit.G,
        time=None,
        rate_hz=HAPT_HZ,
        constants=names,
    )
