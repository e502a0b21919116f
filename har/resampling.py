"""Resample irregular readings to a regular grid; the values do not depend on how readings were delivered.

Phones sample at 50 to 200 Hz, with jitter. Each value on the grid is made in two steps:

1. **Interpolation** at four points per grid step (200 Hz for a 50 Hz grid) by a cubic Hermite curve through
   the two neighbouring readings, with the slope at each reading taken from the readings beside it
   (Catmull and Rom, *A class of local interpolating splines*, 1974). An interval of more than
   `LONGEST_CURVE_US` is crossed by a straight line: a curve there would be invented motion.
2. **Low-pass filtering** by a symmetric Hamming-windowed sinc of 33 taps (Oppenheim and Schafer,
   *Discrete-Time Signal Processing*, section on FIR design by windowing), so that frequencies above the
   grid's Nyquist frequency do not alias into the window. Readings of every sample rate pass through the same
   filter, so phones of different rates give the same signal.

Each point is computed only from the four readings around it, element by element and summed in a fixed order.
Values are therefore equal bit for bit, however the readings were split into calls.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

#: Interpolated points per grid step.
OVERSAMPLING = 4
#: Taps on each side of the filter's centre, in interpolated points: 80 ms on a 50 Hz grid.
HALF_TAPS = 16
#: The filter's -6 dB point, as a share of the grid rate: 18 Hz on a 50 Hz grid.
CUTOFF = 0.36
#: Longer intervals between two readings are crossed by a straight line, µs.
LONGEST_CURVE_US = 100_000

Floats = NDArray[np.float64]
Times = NDArray[np.int64]


def low_pass_taps() -> Floats:
    """Return the filter's taps, shape ``(2 * HALF_TAPS + 1,)``, symmetric, with a sum of 1.

    They are rounded to nine decimals, so that every platform's mathematics library gives the same taps.
    """
    offsets = np.arange(-HALF_TAPS, HALF_TAPS + 1)
    cutoff = 2 * CUTOFF / OVERSAMPLING
    taps = cutoff * np.sinc(cutoff * offsets) * np.hamming(len(offsets))
    taps = np.asarray(np.round(taps / taps.sum(), 9))
    taps[HALF_TAPS] += 1 - taps.sum()
    taps[HALF_TAPS] = round(taps[HALF_TAPS], 9)
    return taps


_TAPS = low_pass_taps()
#: Taps of the filter's left half and its centre; the right half mirrors the left.
_FOLDED = np.append(_TAPS[:HALF_TAPS], _TAPS[HALF_TAPS] / 2)[:, None, None]


def grid_values(times: Times, axes: Floats, first: int, last: int, period_us: int) -> Floats:
    """Compute the filtered signal at grid points ``first`` to ``last``, both included.

    Parameters
    ----------
    times : ndarray of int64, shape (n,)
        Strictly increasing event times, µs.
    axes : ndarray of float64, shape (n, 3)
        The readings, m/s².
    first, last : int
        Grid points, counted in `period_us` since the epoch. Every interpolated point within the filter's
        reach of them must lie from the second reading on and before the last but one.
    period_us : int
        The grid's step in µs, a multiple of `OVERSAMPLING`.

    Returns
    -------
    ndarray of float64, shape (last - first + 1, 3)
        m/s².
    """
    fine_us = period_us // OVERSAMPLING
    begin = first * OVERSAMPLING - HALF_TAPS
    end = last * OVERSAMPLING + HALF_TAPS
    points = np.arange(begin, end + 1, dtype=np.int64) * fine_us
    return np.ascontiguousarray(_low_pass(_interpolate(times, axes, points), last - first + 1).T)


def reach_us(period_us: int) -> int:
    """Return how far before and after a grid point the filter reads, in µs."""
    return HALF_TAPS * (period_us // OVERSAMPLING)


def supported_from_us(times: Times, period_us: int) -> int:
    """Return the earliest time that readings support, µs: the filter reads from the second reading on."""
    return int(times[1]) + reach_us(period_us)


def last_supported_point(times: Times, period_us: int) -> int:
    """Return the last grid point that readings support: the filter reads what is before the last but one."""
    return (int(times[-2]) - 1 - reach_us(period_us)) // period_us


def _interpolate(times: Times, axes: Floats, points: Times) -> Floats:
    """Interpolate the readings, shape ``(n, 3)``, at times, shape ``(m,)``; return an array of shape ``(3, m)``."""
    left = np.searchsorted(times, points, side="right") - 1
    right = left + 1
    from_time, to_time = times[left], times[right]
    interval = (to_time - from_time).astype(np.float64)
    u = (points - from_time) / interval
    slope_left = interval / (to_time - times[left - 1])
    slope_right = interval / (times[right + 1] - from_time)
    # An axis after the other: NumPy is several times as fast on long rows as on rows of three.
    rows = np.ascontiguousarray(axes.T)
    start, end = rows.take(left, axis=1), rows.take(right, axis=1)
    rise = end - start
    tangent_left = (end - rows.take(left - 1, axis=1)) * slope_left
    tangent_right = (rows.take(right + 1, axis=1) - start) * slope_right
    bend = (interval <= LONGEST_CURVE_US).astype(np.float64)
    deviation_left = (tangent_left - rise) * (1 - u)
    deviation_right = (tangent_right - rise) * u
    curve = u * (1 - u) * (deviation_left - deviation_right)
    return np.asarray(start + u * rise + bend * curve)


def _low_pass(fine: Floats, count: int) -> Floats:
    """Filter an array of shape ``(3, m)``; return `count` values of each axis, shape ``(3, count)``."""
    row, step = fine.strides
    taps = as_strided(fine, (2 * HALF_TAPS + 1, 3, count), (step, row, OVERSAMPLING * step), writeable=False)
    # The order of the axes in memory must be that of the shape, or the next step would add in another order.
    pairs = np.add(taps[: HALF_TAPS + 1], taps[: HALF_TAPS - 1 : -1], order="C")
    pairs *= _FOLDED
    # Reducing over the outermost axis adds whole rows one after the other. The order of summation is then the
    # same for any number of points, which a matrix product does not guarantee.
    return np.asarray(np.add.reduce(pairs, axis=0))
