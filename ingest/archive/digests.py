"""Digests of readings that can be summed: those of a batch do not depend on the order or the files its rows are in."""

import hashlib

import msgspec
import numpy as np
from numpy.typing import NDArray

Digests = NDArray[np.uint64]

_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
_FACTORS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_HALF = np.uint64(32)
_SECOND = np.uint64(0x9E3779B97F4A7C15)


def reading_digests(times: NDArray[np.int64], axes: NDArray[np.float32]) -> Digests:
    """Return 128 bits of each reading, which depend on each bit of it.

    They tell a mistake from what is right; they are no protection against somebody who forges readings. The mixing is
    the finaliser of SplitMix64 (Steele, Lea and Flood, 2014).

    Parameters
    ----------
    times : ndarray of int64, shape (n,)
        Event times, µs.
    axes : ndarray of float32, shape (n, 3)
        Acceleration, m/s².

    Returns
    -------
    ndarray of uint64, shape (n, 2)
    """
    bits = np.ascontiguousarray(axes).view(np.uint32).astype(np.uint64)
    first = _mixed(times.astype(np.int64).view(np.uint64))
    first = _mixed(first + (bits[:, 0] | (bits[:, 1] << _HALF)))
    first = _mixed(first + bits[:, 2] + _SECOND)
    return np.stack([first, _mixed(first + _SECOND)], axis=1)


def label_digest(end: int | None, activity: str, user: str | None) -> int:
    """Return the sum of the one digest of a label's values, as `summed` gives it."""
    whole = hashlib.blake2b(msgspec.msgpack.encode((end, activity, user)), digest_size=16).digest()
    return joined(1, int.from_bytes(whole[:8], "little"), int.from_bytes(whole[8:], "little"))


def summed(digests: Digests) -> int:
    """Return the number of readings and the sum of their digests as one whole number, which may be added to others."""
    first, second = (int(digests[:, place].sum(dtype=np.uint64)) for place in (0, 1))
    return joined(len(digests), first, second)


def joined(count: int, first: int, second: int) -> int:
    """Return a count and both sums as one whole number."""
    return (count << 128) | (first << 64) | second


def added(one: int, other: int) -> int:
    """Add two sums; each half wraps around by itself."""
    low = (1 << 64) - 1
    count = (one >> 128) + (other >> 128)
    first = ((one >> 64) + (other >> 64)) & low
    return joined(count, first, (one + other) & low)


def count_of(total: int) -> int:
    """Return how many readings a sum is of."""
    return total >> 128


def _mixed(numbers: Digests) -> Digests:
    numbers = (numbers ^ (numbers >> _SHIFTS[0])) * _FACTORS[0]
    numbers = (numbers ^ (numbers >> _SHIFTS[1])) * _FACTORS[1]
    return numbers ^ (numbers >> _SHIFTS[2])
