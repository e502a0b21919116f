"""The resampled signal of a whole recording; windows of any length and hop are slices of it.

`har.windowing` cuts windows one by one, as the stream does. Overlapping windows repeat most of their values: with
200 steps and a hop of 20 steps, ten times. To store a recording's windows, store its grid instead, which holds each
value once. :func:`grid_window_offsets` returns where each window begins; the slices equal the windows bit for bit.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from har.merging import Merged, merge_readings, split_at_gaps
from har.resampling import Times, grid_values, last_supported_point, supported_from_us
from har.signal_quality import SignalQuality
from har.windowing import WindowSpec, window_quality


class GridStretch(NamedTuple):
    """The resampled signal between two gaps.

    Attributes
    ----------
    first : int
        Event time of the first value, µs, a multiple of the period.
    values : ndarray of float32, shape (n, 3)
        m/s², gravity included, one period apart.
    readings : Merged
        The readings that it was made from.
    """

    first: int
    values: NDArray[np.float32]
    readings: Merged


def recording_grid(times: Times, axes: NDArray[np.floating], spec: WindowSpec) -> list[GridStretch]:
    """Resample a whole recording.

    Parameters
    ----------
    times : ndarray of int64, shape (n,)
        Event times in µs, in any order.
    axes : ndarray of float32, shape (n, 3)
        Acceleration in m/s², gravity included.
    spec : WindowSpec
        Only its rate and its gap are used.

    Returns
    -------
    list of GridStretch
        In order of time. They hold exactly the values that have readings on both sides.

    Examples
    --------
    Ten seconds of a phone lying still, at 100 Hz, on a grid of 50 Hz:

    >>> times = np.arange(0, 10_000_000, 10_000)
    >>> [stretch] = recording_grid(times, np.tile(np.float32([0, 0, 9.81]), (1000, 1)), WindowSpec())
    >>> stretch.first, stretch.values.shape
    (100000, (490, 3))
    """
    merged = merge_readings(np.asarray(times, np.int64), np.asarray(axes, np.float64))
    pieces = (merged.piece(place) for place in split_at_gaps(merged.times, spec.gap_us))
    stretches = (_stretch(piece, spec.period_us) for piece in pieces)
    return [stretch for stretch in stretches if stretch is not None]


def _stretch(readings: Merged, period_us: int) -> GridStretch | None:
    times, axes = readings.times, readings.axes
    if len(times) < 4:
        return None
    first = -(-supported_from_us(times, period_us) // period_us)
    last = last_supported_point(times, period_us)
    if last < first:
        return None
    values = grid_values(times, axes, first, last, period_us).astype(np.float32)
    return GridStretch(first * period_us, values, readings)


def grid_window_offsets(stretch: GridStretch, spec: WindowSpec) -> NDArray[np.int64]:
    """Return the indices of a stretch's values at which windows begin.

    Returns
    -------
    ndarray of int64, shape (n,)
        Window ``k`` is ``values[offsets[k] : offsets[k] + spec.steps]``; its start is a multiple of the hop.
    """
    start = -(-stretch.first // spec.hop_us) * spec.hop_us
    begin = (start - stretch.first) // spec.period_us
    return np.arange(begin, len(stretch.values) - spec.steps + 1, spec.hop_us // spec.period_us, dtype=np.int64)


def grid_window_qualities(stretch: GridStretch, offsets: NDArray[np.int64], spec: WindowSpec) -> list[SignalQuality]:
    """Return the quality of the readings under each window of a stretch, by the offsets of the windows."""
    starts = (stretch.first + offsets * spec.period_us).tolist()
    return [window_quality(stretch.readings, start, spec) for start in starts]
