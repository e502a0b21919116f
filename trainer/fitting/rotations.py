"""Random rotations of windows, in place of other placements of the phone.

All functions are pure and draw from the random generator that they are given, so a seed determines the result.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Windows = NDArray[np.float32]
Matrices = NDArray[np.float32]


def random_tilts(count: int, largest_degrees: float, rng: np.random.Generator) -> Matrices:
    """Draw rotations about uniformly random axes by angles uniform in [0, `largest_degrees`].

    Parameters
    ----------
    count : int
        Number of rotations.
    largest_degrees : float
        Largest angle, degrees.
    rng : numpy.random.Generator
        Random generator.

    Returns
    -------
    ndarray of float32, shape (count, 3, 3)
        Rotation matrices.

    Notes
    -----
    Rodrigues' formula: ``R = I + sin(a) K + (1 - cos(a)) K²`` with ``K`` the cross-product matrix of the axis.
    """
    axes = rng.normal(size=(count, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    angles = np.deg2rad(rng.uniform(0.0, largest_degrees, size=(count, 1, 1)))
    cross = np.zeros((count, 3, 3))
    cross[:, 0, 1], cross[:, 0, 2] = -axes[:, 2], axes[:, 1]
    cross[:, 1, 0], cross[:, 1, 2] = axes[:, 2], -axes[:, 0]
    cross[:, 2, 0], cross[:, 2, 1] = -axes[:, 1], axes[:, 0]
    rotations = np.eye(3) + np.sin(angles) * cross + (1.0 - np.cos(angles)) * (cross @ cross)
    return rotations.astype(np.float32)


def random_rotations(count: int, rng: np.random.Generator) -> Matrices:
    """Draw rotations uniformly from SO(3).

    Parameters
    ----------
    count : int
        Number of rotations.
    rng : numpy.random.Generator
        Random generator.

    Returns
    -------
    ndarray of float32, shape (count, 3, 3)
        Rotation matrices.

    Notes
    -----
    Normalised Gaussian quaternions are uniform on the 3-sphere (K. Shoemake, "Uniform random rotations",
    Graphics Gems III, 1992).
    """
    quaternions = rng.normal(size=(count, 4))
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    w, x, y, z = quaternions.T
    rows = np.stack(
        [
            *(1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
            *(2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
            *(2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
        ],
        axis=1,
    )
    return rows.reshape(count, 3, 3).astype(np.float32)


def rotate(windows: Windows, rotations: Matrices) -> Windows:
    """Rotate each window by its own rotation. Magnitudes are unchanged.

    Parameters
    ----------
    windows : ndarray of float32, shape (n, steps, 3)
        m/s².
    rotations : ndarray of float32, shape (n, 3, 3)
        Rotation matrices.

    Returns
    -------
    ndarray of float32, shape (n, steps, 3)
        m/s².
    """
    return np.asarray(windows @ rotations.transpose(0, 2, 1), dtype=np.float32)
