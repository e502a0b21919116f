"""The unit of readings, told by gravity.

The mean of the readings of a second is about gravity, however a person moves and a phone is held: the movements of a
second nearly cancel each other. In other units it is another number, and without gravity, or from a gyroscope, it is
small and differs from second to second. On real recordings of eight public data sets, the median of these means over a
session was 8.4 to 11.7 m/s²; it was less for phones with a range of ±2 g in a run or in jumps, 5.3 at the least.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from har.resampling import Times
from har.time_units import MICROSECONDS

#: Usual means, m/s². Phones measure gravity as 8.4 to 10.1 at rest (Stisen et al., SenSys 2015).
USUAL = (7.5, 12.5)
#: Means that real recordings in m/s² have, even of jumps.
POSSIBLE = (4.0, 20.0)
#: 1 m/s² by other units: what a reading of 1 g is in them.
_IN_G, _IN_MILLI_G = (0.55, 1.45), (550.0, 1_450.0)
#: Half of the means lie within this share of their median if the readings have gravity. On the same recordings it was
#: 0.55 at the most, in fifteen seconds of hopping, and 0.46 of thirty seconds or more.
_WIDEST_SPREAD = 0.58
#: With fewer seconds, the spread tells nothing.
_FEWEST_SECONDS = 30
#: Bins of the histogram per factor of two.
_BINS_BITS = 5


@dataclass
class GravityMeter:
    """The means of the readings of each second.

    Attributes
    ----------
    zeros : int
        Number of readings that are exactly zero on all axes, which gravity makes impossible.
    broken : int
        Number of readings with NaN or infinity.
    """

    zeros: int = 0
    broken: int = 0
    _bins: Counter[int] = field(default_factory=Counter)

    def add(self, times: Times, axes: NDArray[np.float32]) -> None:
        """Add readings.

        Parameters
        ----------
        times : ndarray of int64, shape (n,)
            Event times, µs; one or more.
        axes : ndarray of float32, shape (n, 3)
            Readings in any unit. They may hold NaN or infinity.
        """
        squares = np.einsum("ij,ij->i", axes, axes)
        self.zeros += int((squares == 0).sum())
        if not np.isfinite(squares).all():
            self.broken += int((~np.isfinite(axes).all(axis=1)).sum())
        seconds = times // MICROSECONDS
        begins = np.append(0, np.flatnonzero(seconds[1:] != seconds[:-1]) + 1)
        counts = np.diff(np.append(begins, len(times)))
        means = np.add.reduceat(axes, begins, axis=0) / counts[:, None].astype(np.float32)
        sizes = np.sqrt(np.einsum("ij,ij->i", means, means))
        # The highest bits of a float are its exponent and the begin of its mantissa: a logarithmic bin.
        numbers = sizes[np.isfinite(sizes)].astype(np.float32).view(np.int32) >> (23 - _BINS_BITS)
        bins, found = np.unique(numbers, return_counts=True)
        self._bins.update(dict(zip(bins.tolist(), found.tolist(), strict=True)))

    def join(self, later: "GravityMeter") -> None:
        """Add what another meter measured of other seconds."""
        self.zeros += later.zeros
        self.broken += later.broken
        self._bins.update(later._bins)

    def quantile(self, share: float) -> float | None:
        """Return the mean that a share of the seconds does not exceed, to 3 %; None if there is no second."""
        if not self._bins:
            return None
        bins = sorted(self._bins)
        sums = np.cumsum([self._bins[number] for number in bins])
        place = bins[int(np.searchsorted(sums, share * sums[-1]))]
        low, high = np.array([place, place + 1], np.int32) << (23 - _BINS_BITS)
        return float((low.view(np.float32) + high.view(np.float32)) / 2)

    def fault(self) -> str | None:
        """Return why the readings cannot be m/s² with gravity; None if they can."""
        lower, median, upper = (self.quantile(share) for share in (0.25, 0.5, 0.75))
        if lower is None or median is None or upper is None:
            return None
        is_steady = upper - lower <= _WIDEST_SPREAD * median
        is_possible = POSSIBLE[0] <= median <= POSSIBLE[1]
        of = f"the mean of a second's readings is {median:.2g} m/s² where gravity is 9.8"
        if is_possible and (is_steady or self._bins.total() < _FEWEST_SECONDS):
            return None
        if is_possible:
            of = f"the mean of a second's readings changes from {lower:.2g} to {upper:.2g} m/s² where gravity is 9.8"
        elif is_steady and _IN_G[0] <= median <= _IN_G[1]:
            return f"{of}: the readings are in g"
        elif is_steady and _IN_MILLI_G[0] <= median <= _IN_MILLI_G[1]:
            return f"{of}: the readings are in thousandths of g"
        return f"{of}: gravity was removed from the readings, or they are a gyroscope's"

    def is_unusual(self) -> bool:
        """Return whether gravity is measured, but as an unusual number."""
        median = self.quantile(0.5)
        return median is not None and not USUAL[0] <= median <= USUAL[1]
