"""The schedule of a simulated wearer's activities."""

import numpy as np
from numpy.typing import NDArray

from har.time_units import MICROSECONDS
from ingest.simulation.parameters import ACTIVITIES, Activity

SHORTEST_SEGMENT_SECONDS = 2.0
LONGEST_SEGMENT_SECONDS = 600.0


class ActivitySchedule:
    """A schedule that gives all activities equal time, in a random order for each cycle.

    Time is divided into segments of equal length; a cycle has one segment of each activity. No activity follows itself,
    so the activity changes at every segment boundary.

    Parameters
    ----------
    seed
        Seed that determines the order.
    segment_seconds
        Length of a segment, 2 to 600 s; rounded to whole µs.

    Raises
    ------
    ValueError
        If the length is out of range.

    Examples
    --------
    >>> schedule = ActivitySchedule(seed=1, segment_seconds=10.0)
    >>> sorted(schedule.activity_of_segment(index) for index in range(5))
    ['sit', 'stairsdown', 'stairsup', 'stand', 'walk']
    """

    def __init__(self, seed: int, segment_seconds: float = 12.0) -> None:
        if not SHORTEST_SEGMENT_SECONDS <= segment_seconds <= LONGEST_SEGMENT_SECONDS:
            raise ValueError(
                f"a segment lasts {SHORTEST_SEGMENT_SECONDS:g} to {LONGEST_SEGMENT_SECONDS:g} s, "
                f"not {segment_seconds:g}"
            )
        self.seed = seed
        self.segment_us = round(segment_seconds * MICROSECONDS)

    def segment_at(self, elapsed_us: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the index of the segment that contains each time, µs since the session's start."""
        return np.asarray(elapsed_us, dtype=np.int64) // self.segment_us

    def activity_of_segment(self, segment: int) -> Activity:
        """Return the activity of a segment.

        Raises
        ------
        ValueError
            If the index is negative, so before the session's start.
        """
        if segment < 0:
            raise ValueError("a time is before the session's start")
        cycle, position = divmod(segment, len(ACTIVITIES))
        return ACTIVITIES[self._order(cycle)[position]]

    def activity_at(self, elapsed_us: NDArray[np.int64]) -> NDArray[np.str_]:
        """Return the activity at each time, µs since the session's start, as an array of the same shape."""
        segments, inverse = np.unique(self.segment_at(elapsed_us), return_inverse=True)
        names = np.array([self.activity_of_segment(int(segment)) for segment in segments], dtype=np.str_)
        activities: NDArray[np.str_] = names[inverse.reshape(np.shape(elapsed_us))]
        return activities

    def _order(self, cycle: int) -> list[int]:
        order = self._drawn_order(cycle)
        if cycle > 0 and order[0] == self._drawn_order(cycle - 1)[-1]:
            order[0], order[1] = order[1], order[0]
        return order

    def _drawn_order(self, cycle: int) -> list[int]:
        generator = np.random.default_rng([self.seed, cycle])
        return [int(index) for index in generator.permutation(len(ACTIVITIES))]
