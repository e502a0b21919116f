"""Personal heads and labelled windows for tests."""

from har.personal_fitting import LabelledWindow
from har.personal_head import HeldBack, PersonalHead

OUTPUTS = ["sit", "stand", "walk", "table"]
SECOND = 1_000_000
#: Accelerations of a wearer whose phone lies flat when seated, and stands on its lower edge when upright.
FLAT, UPRIGHT = (0.0, 0.5, 9.8), (0.5, 9.8, 0.0)


def identity_head(**changes) -> PersonalHead:
    """A head that keeps the network's answers, for a phone that lies flat."""
    count = len(OUTPUTS)
    rows = [[float(row == column) for column in range(count)] for row in range(count + 3)]
    fields = {
        "device": "phone-1",
        "number": 1,
        "release": "tiny",
        "outputs": OUTPUTS,
        "classes": 3,
        "weights": rows,
        "offsets": [0.0] * count,
        "directions": [(0.0, 0.0, 1.0)],
        "seconds": {"sit": 20.0},
        "held_back": HeldBack(10, 0.5, 0.9, 1.0, 0.2),
        "effective": 0,
        "made": "2026-11-30T00:00:00Z",
    }
    return PersonalHead(**{**fields, **changes})


def labelled(label, count, probabilities, gravity, *, session="s1", first=0, hop_us=2 * SECOND):
    """Windows of one activity, one after the other."""
    return [LabelledWindow(session, first + number * hop_us, label, probabilities, gravity) for number in range(count)]


def confused_wearer():
    """A wearer whom the network takes for standing when seated, 22 s of each."""
    seated = labelled("sit", 10, [0.3, 0.6, 0.05, 0.05], FLAT)
    standing = labelled("stand", 10, [0.3, 0.6, 0.05, 0.05], UPRIGHT, first=60 * SECOND)
    return seated + standing
