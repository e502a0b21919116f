"""Which windows still show their activity when the phone is turned any way.

Walking and stairs show in the movement alone. Sitting and standing differ by the phone's orientation, and, where
the sensor is quiet enough, by the sway of a standing body: below 1 Hz, 0.02 m/s² in a pocket against 0.003 when
sitting. Where the sensor's noise hides that, a turned window of somebody at rest could be either, and learning
from it would only blur what the orientation says.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.data_sets import KNOWN_DATA_SETS
from trainer.examples import Examples
from trainer.splits import device_of

SITTING = "sit"
STANDING = "stand"


def standing(examples: Examples, classes: Sequence[str]) -> NDArray[np.bool_]:
    """Say which windows show somebody standing; bool ``(n,)``."""
    return np.asarray(np.array(classes)[examples.labels] == STANDING)


def turnable(examples: Examples, classes: Sequence[str]) -> NDArray[np.bool_]:
    """Say which windows may be rotated freely: all that show movement, others where the device shows sway.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    at_rest = np.isin(np.array(classes)[examples.labels], [SITTING, STANDING])
    devices = np.array([device_of(person) for person in examples.people.tolist()], np.str_)
    swaying = [device for device, known in KNOWN_DATA_SETS.items() if known.shows_sway]
    return np.asarray(~at_rest | np.isin(devices, swaying))
