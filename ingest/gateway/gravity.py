"""Detection of readings that are in g, or from which gravity was removed, although m/s² with gravity is required.

A phone's speed is bounded, so its acceleration over a second or more averages to the force that holds it against
gravity. The mean magnitude of its readings is therefore at least about 9.81 m/s², whatever the wearer does, except
during a fall of half a second or more. In g, the mean is about 1. Without gravity, it is near 0 m/s² at rest and rarely
above 5 m/s² in motion.

The gateway rejects such readings and does not correct them: readings in g may have been altered in other ways, too, and
readings without gravity lack its direction, which distinguishes sitting from standing.
"""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from har.rejections import RejectedMessage
from har.samples import SampleBatch

#: Half of gravity: a smaller mean magnitude is rejected, m/s².
LEAST_MEAN = 4.9
#: Mean magnitudes that suggest readings in g; at rest the mean is 1 g.
G_RANGE = (0.7, 1.6)
#: Least span (µs) and number of readings that are checked together.
LEAST_SPAN_US = 1_000_000
LEAST_READINGS = 20
#: Largest number of sessions to remember; the least recently active one is dropped first.
MAX_SESSIONS = 20_000


@dataclass
class _Interval:
    first: int
    total: float = 0.0
    readings: int = 0


class GravityCheck:
    """Checks the mean magnitude of each session's readings over intervals of at least a second."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[tuple[str, str], _Interval] = OrderedDict()

    def check(self, batch: SampleBatch) -> None:
        """Add a session's next batch; once an interval is complete, check its mean magnitude.

        Raises
        ------
        RejectedMessage
            With code ``unit`` if the readings seem to be in g, ``gravity`` if gravity seems to be removed.
        """
        key = batch.device, batch.session
        oldest, newest = int(batch.times.min()), batch.newest
        interval = self._sessions.get(key)
        if interval is None or oldest < interval.first or oldest - interval.first > 2 * LEAST_SPAN_US:
            interval = self._sessions[key] = _Interval(oldest)
            if len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)
        self._sessions.move_to_end(key)
        interval.total += float(np.sqrt(np.einsum("ij,ij->i", batch.axes, batch.axes)).sum())
        interval.readings += len(batch)
        if newest - interval.first < LEAST_SPAN_US or interval.readings < LEAST_READINGS:
            return
        mean = interval.total / interval.readings
        del self._sessions[key]
        if mean >= LEAST_MEAN:
            return
        if G_RANGE[0] <= mean <= G_RANGE[1]:
            raise RejectedMessage(
                "unit",
                f"the last second's readings average {mean:.2f}: they seem to be in g; send m/s² (1 g is 9.80665)",
            )
        raise RejectedMessage(
            "gravity",
            f"the last second's readings average {mean:.2f} m/s², and a phone at rest measures 9.81: gravity seems to "
            "be removed; send acceleration including gravity",
        )
