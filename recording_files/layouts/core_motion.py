"""Tables of Apple's Core Motion, such as MotionSense: `userAcceleration` and `gravity` in g, which are added.

MotionSense (Malekzadeh et al., "Mobile sensor data anonymization", IoTDI 2019): 24 people with an iPhone 6s in a front
pocket, 50 Hz. Its tables have no times. `A_DeviceMotion_data/dws_1/sub_1.csv` is the first trial of walking downstairs
of person 1.
"""

import re
from pathlib import PurePath

from recording_files.layout import Layout, Unit
from recording_files.table_head import TableHead

MOTION_SENSE_HZ = 50.0
_ACTIVITIES = {
    "dws": "stairsdown", "ups": "stairsup", "wlk": "walk", "jog": "jog", "std": "stand", "sit": "sit",
}  # fmt: skip
_TRIAL = re.compile(r"(dws|ups|wlk|jog|std|sit)_(\d+)")
_PERSON = re.compile(r"sub_(\d+)")


def layout_of(head: TableHead) -> Layout | None:
    """Return the layout if it is a table of Core Motion; else None."""
    axes, gravity = head.three_named(r"userAcceleration\.?AXIS"), head.three_named(r"gravity\.?AXIS")
    if axes is None or gravity is None:
        return None
    named = head.all_named(r"time|timestamp|time_?stamp.*|seconds_elapsed")
    time = next(filter(None, map(head.time_by_spacing, named)), None)
    constants = {} if time else _motion_sense(head.place)
    return Layout(
        format="MotionSense" if constants else "Core Motion",
        axes=axes,
        gravity=gravity,
        unit=Unit.G,
        is_inverted=True,
        time=time,
        rate_hz=None if time else MOTION_SENSE_HZ,
        constants=constants,
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
