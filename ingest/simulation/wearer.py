"""A simulated wearer, who carries a phone at one placement and follows a schedule of activities."""

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from har.time_units import MICROSECONDS
from ingest.simulation.motion import GRID_HZ, Gait, Posture, RenderedBout, limited_normal, smooth_step
from ingest.simulation.parameter_loading import load_parameters
from ingest.simulation.parameters import GAITS, POSTURES, ParameterTable, Placement, PlacementParameters
from ingest.simulation.schedule import ActivitySchedule

FloatArray = NDArray[np.float64]

TRANSITION_US = 1_000_000
KEPT_BOUTS = 4
GRID_US = MICROSECONDS // GRID_HZ


class Wearer:
    """A wearer whose parameters are drawn from the fitted table.

    The acceleration depends only on the wearer's seed and the time: the values are the same, bit for bit, however the
    times are split into calls. For one second around a change of activity, gravity rotates along the great circle and
    the motions are blended.

    Parameters
    ----------
    seed
        Seed of this wearer.
    placement
        Where the phone is worn.
    schedule
        The wearer's activities over time.
    table
        The fitted parameters; by default the table in the package.
    """

    def __init__(
        self, seed: int, placement: Placement, schedule: ActivitySchedule, table: ParameterTable | None = None
    ) -> None:
        parameters: PlacementParameters = (table or load_parameters()).placements[placement]
        generator = np.random.default_rng([seed, 0])
        scores = limited_normal(generator, len(parameters.postures["sit"].gravity.loadings))
        self._activities: dict[str, Posture | Gait] = {}
        for posture in POSTURES:
            self._activities[posture] = Posture(parameters.postures[posture], scores, generator)
        for gait in GAITS:
            self._activities[gait] = Gait(parameters.gaits[gait], scores, generator)
        self._seed = seed
        self._schedule = schedule
        self._bouts: OrderedDict[int, RenderedBout] = OrderedDict()

    def acceleration(self, elapsed_us: NDArray[np.int64]) -> FloatArray:
        """Return the true acceleration in the phone's frame.

        Parameters
        ----------
        elapsed_us
            Times since the session's start, µs, non-negative and not decreasing, int64 ``(n,)``.

        Returns
        -------
        numpy.ndarray
            Acceleration with gravity, m/s², float64 ``(n, 3)``.

        Raises
        ------
        ValueError
            If a time is before the session's start.
        """
        times = np.asarray(elapsed_us, dtype=np.int64)
        acceleration = np.empty((len(times), 3))
        segments = self._schedule.segment_at(times)
        first = 0
        while first < len(times):
            segment = int(segments[first])
            last = first + int(np.searchsorted(segments[first:], segment, side="right"))
            acceleration[first:last] = self._in_segment(segment, times[first:last])
            first = last
        return acceleration

    def _in_segment(self, segment: int, times: NDArray[np.int64]) -> FloatArray:
        gravity, motion = self._gravity_and_motion(segment, times)
        into = times - segment * self._schedule.segment_us
        left = self._schedule.segment_us - into
        for neighbour, distance in ((segment - 1, into), (segment + 1, left)):
            near = distance < TRANSITION_US // 2
            if neighbour < 0 or not near.any():
                continue
            other_gravity, other_motion = self._gravity_and_motion(neighbour, times[near])
            weight = smooth_step(0.5 - distance[near] / TRANSITION_US)[:, None]
            gravity[near] = rotate_towards(gravity[near], other_gravity, weight)
            motion[near] = motion[near] * (1 - weight) + other_motion * weight
        return gravity + motion

    def _gravity_and_motion(self, segment: int, times: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        bout = self._bout(segment)
        beginning = segment * self._schedule.segment_us - TRANSITION_US // 2
        position = (times - beginning) / GRID_US
        index = position.astype(np.int64)
        fraction = (position - index)[:, None]
        motion = bout.motion[index] * (1 - fraction) + bout.motion[index + 1] * fraction
        return np.repeat(bout.gravity[None], len(times), axis=0), motion

    def _bout(self, segment: int) -> RenderedBout:
        bout = self._bouts.get(segment)
        if bout is None:
            activity = self._activities[self._schedule.activity_of_segment(segment)]
            steps = (self._schedule.segment_us + TRANSITION_US) // GRID_US + 3
            bout = activity.bout(steps, np.random.default_rng([self._seed, 1, segment]))
            self._bouts[segment] = bout
            while len(self._bouts) > KEPT_BOUTS:
                self._bouts.popitem(last=False)
        return bout


def rotate_towards(start: FloatArray, end: FloatArray, weight: FloatArray) -> FloatArray:
    """Rotate vectors along the great circle towards other vectors of the same length.

    Parameters
    ----------
    start, end
        Vectors of equal length, ``(n, 3)``.
    weight
        Share of the rotation: 0 gives `start`, 1 gives `end`, ``(n, 1)``.
    """
    squared = (start**2).sum(axis=1, keepdims=True)
    cosine = np.clip((start * end).sum(axis=1, keepdims=True) / squared, -0.9999, 0.999999)
    angle = np.arccos(cosine)
    between: FloatArray = (start * np.sin((1 - weight) * angle) + end * np.sin(weight * angle)) / np.sin(angle)
    return between
