"""Which windows still show their activity when the phone is turned any way.

Walking and stairs show in the movement alone. Sitting and standing differ by the phone's orientation, and, where
the sensor is quiet enough, by the sway of a standing body: below 1 Hz, 0.02 m/s² in a pocket against 0.003 when
sitting. Where the sensor's noise hides that, a turned window of somebody at rest could be either, and learning
from it would only blur what the orientation says.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.fitting.examples import Examples
from trainer.sources.data_sets import KNOWN_DATA_SETS
from trainer.sources.splits import device_of

SITTING = "sit"
STANDING = "stand"

#: The phone's axis that points to the wearer's side or front to back and changes its sign with the wearer's other hip
#: (or the other pocket), by device.
MIRRORED_AXES = {"galaxy_s2": 1, "galaxy_s8": 0}
NOT_MIRRORED = -1


def standing(examples: Examples, classes: Sequence[str]) -> NDArray[np.bool_]:
    """Say which windows show somebody standing; bool ``(n,)``."""
    return np.asarray(np.array(classes)[examples.labels] == STANDING)


def at_rest(examples: Examples, classes: Sequence[str]) -> NDArray[np.bool_]:
    """Say which windows show somebody sitting or standing; bool ``(n,)``."""
    return np.isin(np.array(classes)[examples.labels], [SITTING, STANDING])


def mirrored_axes(examples: Examples) -> NDArray[np.int64]:
    """Say which axis changes its sign where the phone is worn on the body's other side.

    A body's mirror image is a body, too. A phone at the other hip, screen outwards and the same end up, measures what
    the mirror image of the first one would but for the sign of one axis: at the belt the one along the direction of
    walking, in the pocket the one across the thigh.

    Returns
    -------
    ndarray of int64, shape (n,)
        From 0 to 2; `NOT_MIRRORED` where the way the device was worn is not known.
    """
    devices = [device_of(person) for person in examples.people.tolist()]
    return np.array([MIRRORED_AXES.get(device, NOT_MIRRORED) for device in devices], np.int64)


def turnable(examples: Examples, classes: Sequence[str]) -> NDArray[np.bool_]:
    """Say which windows may be rotated freely: all that show movement, others where the device shows sway.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    devices = np.array([device_of(person) for person in examples.people.tolist()], np.str_)
    swaying = [device for device, known in KNOWN_DATA_SETS.items() if known.shows_sway]
    return np.asarray(~at_rest(examples, classes) | np.isin(devices, swaying))
