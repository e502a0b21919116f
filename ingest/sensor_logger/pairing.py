"""Two streams brought together by time: gravity added to the acceleration that lacks it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from har.samples import Times
from har.windows import merge_readings
from ingest.sensor_logger.document import Floats, Stream

#: A sensor that is asked to be slow still reads five times a second on Android; what is slower is not one stream, µs.
LONGEST_PERIOD_US = 250_000


class Partners(NamedTuple):
    """What a stream has at the times of another.

    Attributes
    ----------
    axes : ndarray of float64, shape (n, 3)
        Interpolated between the two neighbours; before the first and after the last reading, that reading.
    are_near : ndarray of bool, shape (n,)
        Whether the stream has a reading within one of its periods.
    """

    axes: Floats
    are_near: NDArray[np.bool_]


def partners_at(times: Times, stream: Stream) -> Partners:
    """Return what a stream has at given times: exactly its reading, where it has one of the same time.

    Parameters
    ----------
    times : ndarray of int64, shape (n,)
        µs, in any order.
    stream : Stream
        At least one reading, in any order.

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
    """Acceleration with gravity, and how many readings had nothing to add."""

    times: Times
    axes: Floats
    unpaired: int


def with_gravity(accelerometer: Stream, gravity: Stream) -> Paired:
    """Add gravity to an accelerometer's readings, in its own unit and signs.

    iPhones give both the same times, so the sum is exact; Android does not, and gravity, which changes slowly, is
    interpolated. A reading that is further than one of gravity's periods from every reading of gravity is left out.

    A document's pairs depend on nothing outside of it: sent again, it gives the same readings. The price is that at a
    document's ends gravity is held for up to one period, where the next document would tell it better.
    """
    partners = partners_at(accelerometer.times, gravity)
    near = partners.are_near
    return Paired(
        accelerometer.times[near], accelerometer.axes[near] + partners.axes[near], int(len(near) - near.sum())
    )


def _period(times: Times) -> int:
    """Return the usual distance of strictly increasing times, µs; 0 for a single one: then only equal times pair."""
    return min(int(np.median(np.diff(times))), LONGEST_PERIOD_US) if len(times) > 1 else 0
