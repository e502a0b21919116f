"""A signal of any length in memory of a fixed size: the range and the mean of its values in each bucket of time."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from har.resampling import Times

#: Width of a bucket at first, µs. A phone does not measure more often.
_NARROWEST_US = 10_000


class Buckets(NamedTuple):
    """The buckets that have values, in order of time.

    Attributes
    ----------
    times : ndarray of int64, shape (n,)
        The middle of each bucket, µs.
    least, mean, most : ndarray of float32, shape (n, channels)
        Of the values in it.
    """

    times: Times
    least: NDArray[np.float32]
    mean: NDArray[np.float32]
    most: NDArray[np.float32]


class Envelope:
    """Takes a signal piece by piece. When it needs more than `most` buckets, they become twice as wide.

    Parameters
    ----------
    channels : int
        Number of values at a time.
    most : int
        Most buckets; an even number.

    Attributes
    ----------
    width_us : int
        Width of a bucket, µs.

    Examples
    --------
    >>> envelope = Envelope(channels=1, most=4)
    >>> envelope.add(np.arange(8) * 1_000_000, np.arange(8.0)[:, None])
    >>> found = envelope.buckets()
    >>> found.least[:, 0].tolist(), found.mean[:, 0].tolist(), found.most[:, 0].tolist()
    ([0.0, 3.0, 6.0], [1.0, 4.0, 6.5], [2.0, 5.0, 7.0])
    """

    def __init__(self, channels: int, most: int) -> None:
        self.width_us = _NARROWEST_US
        self._most = most
        self._begin: int | None = None
        self._counts = np.zeros(0, np.int64)
        self._least = np.empty((0, channels), np.float32)
        self._largest = np.empty((0, channels), np.float32)
        self._sums = np.empty((0, channels))

    def add(self, times: Times, values: NDArray[np.floating]) -> None:
        """Add values.

        Parameters
        ----------
        times : ndarray of int64, shape (n,)
            µs, sorted. Times before the first of all count as that.
        values : ndarray of float, shape (n, channels)
            The values.
        """
        if not len(times):
            return
        if self._begin is None:
            self._begin = int(times[0])
        while int(times[-1]) - self._begin >= self.width_us * self._most:
            self._widen()
        places = np.maximum(times - self._begin, 0) // self.width_us
        self._grow(int(places[-1]) + 1)
        first = np.flatnonzero(np.append(True, places[1:] != places[:-1]))
        at = places[first]
        self._counts[at] += np.diff(np.append(first, len(places)))
        self._sums[at] += np.add.reduceat(values, first, axis=0, dtype=np.float64)
        self._least[at] = np.minimum(self._least[at], np.minimum.reduceat(values, first, axis=0))
        self._largest[at] = np.maximum(self._largest[at], np.maximum.reduceat(values, first, axis=0))

    def limit(self, most: int) -> None:
        """Take fewer buckets from now on."""
        self._most = most - most % 2
        while len(self._counts) > self._most:
            self._widen()

    def buckets(self) -> Buckets:
        """Return the buckets that have values."""
        filled = np.flatnonzero(self._counts)
        times = (self._begin or 0) + filled * self.width_us + self.width_us // 2
        mean = (self._sums[filled] / self._counts[filled, None]).astype(np.float32)
        return Buckets(times, self._least[filled], mean, self._largest[filled])

    def _grow(self, length: int) -> None:
        more = length - len(self._counts)
        if more <= 0:
            return
        # In steps, so that the arrays are seldom copied.
        more = max(more, min(len(self._counts), self._most - len(self._counts)))
        channels = self._sums.shape[1]
        self._counts = np.append(self._counts, np.zeros(more, np.int64))
        self._sums = np.append(self._sums, np.zeros((more, channels)), axis=0)
        self._least = np.append(self._least, np.full((more, channels), np.inf, np.float32), axis=0)
        self._largest = np.append(self._largest, np.full((more, channels), -np.inf, np.float32), axis=0)

    def _widen(self) -> None:
        """Make buckets twice as wide: each pair becomes one."""
        self.width_us *= 2
        self._grow(len(self._counts) + len(self._counts) % 2)
        self._counts = self._counts[::2] + self._counts[1::2]
        self._sums = self._sums[::2] + self._sums[1::2]
        self._least = np.minimum(self._least[::2], self._least[1::2])
        self._largest = np.maximum(self._largest[::2], self._largest[1::2])
