"""Pairing of two streams by time, to add gravity to linear acceleration."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from har.merging import merge_readings
from har.samples import Times
from ingest.sensor_logger.push import Floats, Stream

#: Longest period of a stream, µs. Android's slowest sensors still deliver 5 readings per second.
LONGEST_PERIOD_US = 250_000


class Partners(NamedTuple):
    """A stream, interpolated at given times.

    Attributes
    ----------
    axes : ndarray of float64, shape (n, 3)
        Linear interpolation between the two neighbours; before the first and after the last reading, that reading.
    are_near : ndarray of bool, shape (n,)
        Whether the stream has a reading within one of its periods of the time.
    """

    axes: Floats
    are_near: NDArray[np.bool_]


def partners_at(times: Times, stream: Stream) -> Partners:
    """Interpolate a stream at given times; where it has a reading of the same time, return exactly that reading.

    Parameters
    ----------
    times : ndarray of int64, shape (n,)
        Event times, µs, in any order.
    stream : Stream
        A stream with at least one reading, in any order.

    Examples
    --------
    >>> gravity = Stream(np.array([0, 20_000]), np.array([[0.0, 0, 9], [0, 0, 10]]))
    >>> partners = partners_at(np.array([5_000, 30_000, 60_000]), gravity)
    >>> partners.axes[:, 2].tolist(), partners.are_near.tolist()
    ([9.25, 10.0, 10.0], [True, True, False])
    """
    known = merge_readings(stream.times, stream.axes)
    after = np.clip(np.searchsorted(known.times, times), 0, len(known.times) - 1)
    before = np.maximum(after - 1, 0)
    distance = np.minimum(np.abs(known.times[after] - times), np.abs(times - known.times[before]))
    first = known.times[0]
    axes = np.stack([np.interp(times - first, known.times - first, known.axes[:, axis]) for axis in range(3)], axis=1)
    return Partners(axes, distance <= _period(known.times))


class Paired(NamedTuple):
    """Acceleration with gravity.

    Attributes
    ----------
    times : ndarray of int64, shape (n,)
        Event times, µs since the epoch.
    axes : ndarray of float64, shape (n, 3)
        Acceleration including gravity, in the unit and with the signs of the streams.
    unpaired : int
        Number of readings that were left out, because no gravity reading was near.
    """

    times: Times
    axes: Floats
    unpaired: int


def with_gravity(accelerometer: Stream, gravity: Stream) -> Paired:
    """Add gravity to an accelerometer's readings. Unit and signs do not change.

    On iPhones both streams have the same times, so the sum is exact. On Android the times differ, so gravity, which
    changes slowly, is interpolated. An accelerometer reading is left out if there is no gravity reading within one of
    gravity's periods.

    The result depends on the document alone, so a document that is sent again gives the same readings. Therefore
    gravity is held constant for up to one period at the ends of a document, although the neighbouring documents would
    allow interpolation.
    """
    partners = partners_at(accelerometer.times, gravity)
    near = partners.are_near
    return Paired(
        accelerometer.times[near], accelerometer.axes[near] + partners.axes[near], int(len(near) - near.sum())
    )


def _period(times: Times) -> int:
    """Return the median interval of strictly increasing times, at most `LONGEST_PERIOD_US`; 0 for a single time."""
    # With a period of 0, a single reading pairs with equal times only.
    return min(int(np.median(np.diff(times))), LONGEST_PERIOD_US) if len(times) > 1 else 0
