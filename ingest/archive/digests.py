"""Digests of readings that can be summed, so that a batch's sum does not depend on the order of its rows or files."""

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
    """Return a 128-bit digest of each reading, which depends on every bit of the reading.

    The digests detect mistakes; they do not protect against forged readings. The mixing is the finaliser of
    SplitMix64 (Steele, Lea and Flood, 2014).

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
    """Return the digest of a label's values as a sum of one, in the format of `summed`."""
    whole = hashlib.blake2b(msgspec.msgpack.encode((end, activity, user)), digest_size=16).digest()
    return joined(1, int.from_bytes(whole[:8], "little"), int.from_bytes(whole[8:], "little"))


def summed(digests: Digests) -> int:
    """Return the number of readings and the sum of their digests, packed into one integer for `added`."""
    first, second = (int(digests[:, place].sum(dtype=np.uint64)) for place in (0, 1))
    return joined(len(digests), first, second)


def joined(count: int, first: int, second: int) -> int:
    """Pack a count and the sums of both halves into one integer."""
    return (count << 128) | (first << 64) | second


def added(one: int, other: int) -> int:
    """Add two packed sums; each 64-bit half wraps around independently."""
    low = (1 << 64) - 1
    count = (one >> 128) + (other >> 128)
    first = ((one >> 64) + (other >> 64)) & low
    return joined(count, first, (one + other) & low)


def count_of(total: int) -> int:
    """Return the number of readings in a packed sum."""
    return total >> 128


def _mixed(numbers: Digests) -> Digests:
    numbers = (numbers ^ (numbers >> _SHIFTS[0])) * _FACTORS[0]
    numbers = (numbers ^ (numbers >> _SHIFTS[1])) * _FACTORS[1]
    return numbers ^ (numbers >> _SHIFTS[2])
