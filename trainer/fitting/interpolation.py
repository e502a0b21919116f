"""Read windows at other positions: between their steps, less often, or averaged.

All functions are pure. Windows are float32 ``(n, steps, 3)`` in m/s².
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Windows = NDArray[np.float32]


def values_at(windows: Windows, positions: NDArray[np.float64]) -> Windows:
    """Interpolate windows linearly.

    Parameters
    ----------
    windows : ndarray of float32, shape (n, steps, 3)
        m/s².
    positions : ndarray of float64, shape (n, m)
        Positions within each window, steps, from 0 to ``steps - 1``.

    Returns
    -------
    ndarray of float32, shape (n, m, 3)
        m/s².
    """
    before = np.minimum(positions.astype(np.int64), windows.shape[1] - 2)
    share = (positions - before).astype(np.float32)[:, :, None]
    index = np.arange(len(windows))[:, None]
    return np.asarray(windows[index, before] * (1 - share) + windows[index, before + 1] * share, dtype=np.float32)


def read_slowly(windows: Windows, spacings: NDArray[np.float64], offsets: NDArray[np.float64]) -> Windows:
    """Measure each window again with fewer readings, and interpolate linearly between them.

    Parameters
    ----------
    windows : ndarray of float32, shape (n, steps, 3)
        m/s².
    spacings : ndarray of float64, shape (n,)
        Steps between two readings, 1 or more.
    offsets : ndarray of float64, shape (n,)
        Place of the first reading, in spacings, in [0, 1].

    Returns
    -------
    ndarray of float32, shape (n, steps, 3)
        m/s².
    """
    steps = windows.shape[1]
    places = np.arange(steps) / spacings[:, None] - offsets[:, None]
    before = np.floor(places)
    share = (places - before).astype(np.float32)[:, :, None]
    first, second = (
        values_at(windows, np.clip((before + next_one + offsets[:, None]) * spacings[:, None], 0, steps - 1))
        for next_one in (0, 1)
    )
    return np.asarray(first * (1 - share) + second * share, dtype=np.float32)


def smooth(windows: Windows, lengths: NDArray[np.int64]) -> Windows:
    """Average each window over so many steps around each step; fewer at its ends.

    Parameters
    ----------
    windows : ndarray of float32, shape (n, steps, 3)
        m/s².
    lengths : ndarray of int64, shape (n,)
        Length of the average, steps, 1 or more.

    Returns
    -------
    ndarray of float32, shape (n, steps, 3)
        m/s².
    """
    steps = windows.shape[1]
    sums = np.concatenate([np.zeros((len(windows), 1, 3)), np.cumsum(windows, axis=1, dtype=np.float64)], axis=1)
    places = np.arange(steps)
    low = np.maximum(places - (lengths[:, None] - 1) // 2, 0)
    high = np.minimum(places + lengths[:, None] // 2 + 1, steps)
    index = np.arange(len(windows))[:, None]
    return np.asarray((sums[index, high] - sums[index, low]) / (high - low)[:, :, None], dtype=np.float32)
