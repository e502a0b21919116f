"""Select the windows that may be rotated or mirrored without losing their activity.

Walking and stairs can be recognised from movement alone. Sitting and standing differ in the phone's orientation and, if
the sensor is quiet enough, in the sway of a standing body: below 1 Hz, 0.02 m/s² in a pocket, against 0.003 when
sitting. If the sensor's noise hides the sway, a rotated window of a wearer at rest is ambiguous, and training on it
would only weaken what the network learns from the orientation.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from har.recordings import device_of
from recording_files.known_data_sets import KNOWN_DATA_SETS
from trainer.fitting.examples import Examples

SITTING = "sit"
STANDING = "stand"
LYING = "lie"
#: A phone on a table lies on one of its faces, and so do many phones of seated wearers. If tables were turned freely, a
#: phone on its face would more probably be a wearer's.
TABLE = "table"

#: By device: the phone's axis whose sign changes if the phone is worn on the other hip, or in the other pocket.
MIRRORED_AXES = {"galaxy_s2": 1, "galaxy_s8": 0}
NOT_MIRRORED = -1


def standing(examples: Examples, classes: Sequence[str]) -> NDArray[np.bool_]:
    """Return whether each window shows a standing wearer, bool ``(n,)``."""
    return np.asarray(np.array(classes)[examples.labels] == STANDING)


def at_rest(examples: Examples, classes: Sequence[str]) -> NDArray[np.bool_]:
    """Return whether each window shows a wearer at rest, or a table, bool ``(n,)``."""
    return np.isin(np.array(classes)[examples.labels], [SITTING, STANDING, LYING, TABLE])


def mirrored_axes(examples: Examples) -> NDArray[np.int64]:
    """Return the axis of each window whose sign changes if the phone is worn on the other side of the body.

    A phone on the other hip, with the screen outwards and the same end up, measures the same as on the first hip of a
    mirrored body, except for the sign of one axis: at the belt the axis along the direction of walking, in the pocket
    the axis across the thigh.

    Returns
    -------
    ndarray of int64, shape (n,)
        0 to 2; `NOT_MIRRORED` if the placement of the device is unknown.
    """
    devices = [device_of(person) for person in examples.people.tolist()]
    return np.array([MIRRORED_AXES.get(device, NOT_MIRRORED) for device in devices], np.int64)


def turnable(examples: Examples, classes: Sequence[str]) -> NDArray[np.bool_]:
    """Return whether each window may be rotated freely, bool ``(n,)``.

    This is true for all windows that show movement, and for wearers at rest if the device shows sway.
    """
    devices = np.array([device_of(person) for person in examples.people.tolist()], np.str_)
    swaying = [device for device, known in KNOWN_DATA_SETS.items() if known.shows_sway]
    return np.asarray(~at_rest(examples, classes) | np.isin(devices, swaying))
