"""Tables of Apple's Core Motion, such as MotionSense: `userAcceleration` and `gravity` in g, which are added.

MotionSense (Malekzadeh et al., "Mobile sensor data anonymization", IoTDI 2019): 24 people with an iPhone 6s in a front
pocket, 50 Hz. Its tables have no times, but Core Motion's columns and the number of the row alone.
`A_DeviceMotion_data/dws_1/sub_1.csv` is the first trial of walking downstairs of person 1.
"""

import re
from pathlib import PurePath

from recording_files.column_options import NOTHING_STATED
from recording_files.layout import Layout, Unit
from recording_files.layouts.common_names import times_named
from recording_files.table_head import TableHead

MOTION_SENSE_HZ = 50.0
_ACTIVITIES = {
    "dws": "stairsdown", "ups": "stairsup", "wlk": "walk", "jog": "jog", "std": "stand", "sit": "sit",
}  # fmt: skip
_TRIAL = re.compile(r"(dws|ups|wlk|jog|std|sit)_(\d+)")
_PERSON = re.compile(r"sub_(\d+)")
#: The columns of MotionSense; pandas names the first one, which has no name, like the last of these.
_MOTION_SENSE = re.compile(r"(attitude|gravity|rotationRate|userAcceleration)\.\w+| ?\(column 1\)|Unnamed: 0")


def layout_of(head: TableHead) -> Layout | None:
    """Return the layout if it is a table of Core Motion; else None. Only MotionSense has a rate without times."""
    axes, gravity = head.three_named(r"userAcceleration\.?AXIS"), head.three_named(r"gravity\.?AXIS")
    if axes is None or gravity is None:
        return None
    named = dict.fromkeys([*head.all_named(r"time_?stamp.*"), *times_named(head, NOTHING_STATED)])
    time = next(filter(None, map(head.time_by_spacing, named)), None)
    is_motion_sense = all(map(_MOTION_SENSE.fullmatch, head.names))
    return Layout(
        format="MotionSense" if is_motion_sense else "Core Motion",
        axes=axes,
        gravity=gravity,
        unit=Unit.G,
        is_inverted=True,
        time=time,
        rate_hz=MOTION_SENSE_HZ if is_motion_sense else None,
        constants=_motion_sense(head.place) if is_motion_sense else {},
    )


def _motion_sense(place: PurePath) -> dict[str, str]:
    """Return what MotionSense states in the names of its folders and files."""
    trial, person = _TRIAL.fullmatch(place.parent.name), _PERSON.fullmatch(place.stem)
    if not (trial and person):
        return {}
    return {
        "user": f"sub_{person[1]}",
        "device": "iphone_6s",
        "model": "iPhone 6s",
        "session": trial[0],
        "gt": _ACTIVITIES[trial[1]],
    }
