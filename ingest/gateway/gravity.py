"""Noticing readings that cannot be acceleration with gravity in m/s²: in g, or with gravity taken out.

A phone's speed stays within bounds, so over a second or more its acceleration averages to what holds it against
gravity: the mean of the readings' magnitudes is at least about 9.81 m/s², whatever the wearer does, but for a fall of
half a second and more. In g it is about 1; with gravity taken out it is near zero at rest and rarely above 5 in motion.

Such a stream is rejected and not restored. Readings in g whose sender says m/s² may have been altered in other ways.
Readings without gravity have lost its direction, which tells sitting from standing.
"""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from har.samples import RejectedBatch, SampleBatch

#: Half of gravity, m/s².
LEAST_MEAN = 4.9
#: Means between these look like g, where rest is 1.
G_RANGE = (0.7, 1.6)
#: What is judged, µs and readings.
LEAST_SPAN_US = 1_000_000
LEAST_READINGS = 20
#: Sessions remembered; the one silent for longest is forgotten first.
MAX_SESSIONS = 20_000


@dataclass
class _Second:
    first: int
    total: float = 0.0
    readings: int = 0


class GravityCheck:
    """Judges each session's readings, a second or more at a time."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[tuple[str, str], _Second] = OrderedDict()

    def check(self, batch: SampleBatch) -> None:
        """Take a session's next batch.

        Raises
        ------
        RejectedBatch
            With code ``unit`` if readings seem to be in g, ``gravity`` if they seem to lack it.
        """
        key = batch.device, batch.session
        oldest, newest = int(batch.times.min()), batch.newest
        second = self._sessions.get(key)
        if second is None or oldest < second.first or oldest - second.first > 2 * LEAST_SPAN_US:
            second = self._sessions[key] = _Second(oldest)
            if len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)
        self._sessions.move_to_end(key)
        second.total += float(np.sqrt(np.einsum("ij,ij->i", batch.axes, batch.axes)).sum())
        second.readings += len(batch)
        if newest - second.first < LEAST_SPAN_US or second.readings < LEAST_READINGS:
            return
        mean = second.total / second.readings
        del self._sessions[key]
        if mean >= LEAST_MEAN:
            return
        if G_RANGE[0] <= mean <= G_RANGE[1]:
            raise RejectedBatch(
                "unit",
                f"the last second's readings average {mean:.2f}: they seem to be in g; send m/s² (1 g is 9.80665)",
            )
        raise RejectedBatch(
            "gravity",
            f"the last second's readings average {mean:.2f} m/s², and a phone at rest measures 9.81: gravity seems to "
            "be taken out; send acceleration including gravity",
        )
