"""Put readings in order of time, merge those with the same time, and split them at gaps."""

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from har.resampling import Floats, Times


class Merged(NamedTuple):
    """Readings in strictly increasing time, and what was merged to get there.

    Attributes
    ----------
    times : ndarray of int64, shape (n,)
        µs.
    axes : ndarray of float64, shape (n, 3)
        m/s².
    contested : ndarray of bool, shape (n,)
        Whether there were several readings with this time and different values.
    repeats, conflicts : int
        Number of readings with the time of another reading, and of those whose values differ.
    """

    times: Times
    axes: Floats
    contested: NDArray[np.bool_]
    repeats: int = 0
    conflicts: int = 0

    def piece(self, place: slice) -> "Merged":
        """Return some of the readings, without the counts."""
        return Merged(self.times[place], self.axes[place], self.contested[place])

    def followed_by(self, later: "Merged") -> "Merged":
        """Return these readings and later ones, without the counts."""
        return Merged(
            np.concatenate((self.times, later.times)),
            np.concatenate((self.axes, later.axes)),
            np.concatenate((self.contested, later.contested)),
        )


#: No reading at all.
NO_READINGS = Merged(np.empty(0, np.int64), np.empty((0, 3)), np.empty(0, np.bool_))


def merge_readings(times: Times, axes: Floats, contested: NDArray[np.bool_] | None = None) -> Merged:
    """Sort readings by time and merge those with the same time; the smallest ``(x, y, z)`` is kept.

    The result does not depend on the order of the readings, nor on whether some were merged before.

    Parameters
    ----------
    times : ndarray of int64, shape (n,)
        µs, in any order.
    axes : ndarray of float64, shape (n, 3)
        m/s².
    contested : ndarray of bool, shape (n,), optional
        Which of the readings are contested by readings that were merged before; by default none.

    Examples
    --------
    >>> merged = merge_readings(np.array([20, 10, 10]), np.array([[1.0, 0, 0], [3.0, 0, 0], [2.0, 0, 0]]))
    >>> merged.times.tolist(), merged.axes[:, 0].tolist(), merged.contested.tolist()
    ([10, 20], [2.0, 1.0], [True, False])
    """
    axes = axes + 0.0  # turns -0.0 into 0.0: equal readings must also be equal bit for bit
    if contested is None:
        contested = np.zeros(len(times), np.bool_)
    if len(times) < 2 or bool((times[1:] > times[:-1]).all()):
        return Merged(times, axes, contested)
    order = np.lexsort((axes[:, 2], axes[:, 1], axes[:, 0], times))
    times, axes, contested = times[order], axes[order], contested[order]
    repeated = np.append(False, times[1:] == times[:-1])
    if not repeated.any():
        return Merged(times, axes, contested)
    differing = repeated & np.append(False, (axes[1:] != axes[:-1]).any(axis=1))
    firsts = np.flatnonzero(~repeated)
    return Merged(
        times[firsts],
        axes[firsts],
        np.logical_or.reduceat(contested | differing, firsts),
        int(repeated.sum()),
        int(differing.sum()),
    )


def split_at_gaps(times: Times, gap_us: int) -> list[slice]:
    """Return the pieces of increasing `times` between gaps of more than `gap_us`.

    Examples
    --------
    >>> split_at_gaps(np.array([0, 1, 2, 9, 10]), 3)
    [slice(0, 3, None), slice(3, 5, None)]
    """
    if not len(times):
        return []
    cuts = [0, *(np.flatnonzero(np.diff(times) > gap_us) + 1).tolist(), len(times)]
    return [slice(begin, end) for begin, end in itertools.pairwise(cuts)]
