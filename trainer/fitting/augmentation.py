"""Random variations of training windows: how a phone is worn, how it measures, how fast its wearer moves.

Pure functions over numpy arrays; every random draw comes from the generator that is handed in, so a seed
fixes the result. Windows are float32 ``(n, steps, 3)`` in m/s², gravity included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Windows = NDArray[np.float32]
Matrices = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class AugmentationSettings:
    """How far each variation may go.

    Attributes
    ----------
    tilt_degrees : float
        Largest rotation about a random axis: a belt or pocket that sits otherwise. With 45 degrees, and a `vigour` of
        0.4, the waist's stairs were taken for walking more often.
    lean_degrees : float
        The same for windows that may not be turned freely: somebody at rest whose posture shows in the lean alone,
        which differs by 10 to 20 degrees between sitting and standing.
    mirrored_share : float
        Share of the windows in which the wearer is mirrored (see `trainer.fitting.orientation.mirrored_axes`): the
        phone is at the other hip. In 3 of the waist recordings' 40 sessions it seems to be: sitting and standing lean
        the other way. A larger share helps these wearers as much as it harms all others.
    vigour : float
        Largest relative change of how strongly somebody moves (0.15: from 1 / 1.15 to 1.15 times). Not at rest,
        where strength tells sitting from standing.
    free_rotation_share : float
        Share of the windows, among those that allow it (see `trainer.fitting.orientation`), that get a uniformly random
        rotation instead: a phone worn in a way no recording shows. There, only movement tells activities apart.
    free_sitting_share, free_standing_share : float
        The same for sitting and for standing windows. More standing than sitting ones make standing the likelier
        answer for somebody at rest whose phone lies in a way that no recording shows: people who carry a phone
        unusually, in a pouch or in the hand, are on their feet more often than not. It is a prior, not something the
        recordings tell: with shares of 0.3 and 0.9, up to a third of the windows of somebody standing with such a
        pouch were called sitting.
    quietest_standing : float
        Standing windows that are rotated freely keep at least this share of their sway.
    scale : float
        Largest relative error of the sensitivity (0.07: factors from 0.93 to 1.07).
    bias : float
        Largest offset of an axis, m/s².
    noise : float
        Largest standard deviation of added white noise, m/s².
    speed : float
        Largest relative change of the cadence (0.1: from 10 % slower to 10 % faster).
    """

    tilt_degrees: float = 25.0
    lean_degrees: float = 8.0
    mirrored_share: float = 0.05
    vigour: float = 0.15
    free_rotation_share: float = 0.3
    free_sitting_share: float = 0.15
    free_standing_share: float = 0.9
    quietest_standing: float = 0.2
    scale: float = 0.07
    bias: float = 0.2
    noise: float = 0.02
    speed: float = 0.10


def random_tilts(count: int, largest_degrees: float, rng: np.random.Generator) -> Matrices:
    """Draw rotations about uniformly random axes by angles uniform in [0, `largest_degrees`].

    Parameters
    ----------
    count
        How many.
    largest_degrees
        Upper end of the angle, in degrees.
    rng
        Source of randomness.

    Returns
    -------
    Rotation matrices, float32 ``(count, 3, 3)``.

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
    """Draw rotations uniformly from all of SO(3).

    Parameters
    ----------
    count
        How many.
    rng
        Source of randomness.

    Returns
    -------
    Rotation matrices, float32 ``(count, 3, 3)``.

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
    """Turn each window by its own rotation; the magnitude of every reading stays.

    Parameters
    ----------
    windows
        float32 ``(n, steps, 3)``, m/s².
    rotations
        float32 ``(n, 3, 3)``.

    Returns
    -------
    float32 ``(n, steps, 3)``, m/s².
    """
    return np.asarray(windows @ rotations.transpose(0, 2, 1), dtype=np.float32)


def change_speed(windows: Windows, speeds: NDArray[np.float64], offsets: NDArray[np.float64], steps: int) -> Windows:
    """Cut `steps` from longer windows at another speed and phase, by linear interpolation.

    Step ``k`` of the result is read at position ``offsets * slack + k * speeds``, where the slack is what is
    left of the long window. Speed 1 at offset 0 gives the first `steps` readings unchanged.

    Parameters
    ----------
    windows
        float32 ``(n, long, 3)``, m/s².
    speeds
        ``(n,)``, input steps for each output step.
    offsets
        ``(n,)`` in [0, 1]: where in the slack the cut begins.
    steps
        Length of the result.

    Returns
    -------
    float32 ``(n, steps, 3)``, m/s².

    Raises
    ------
    ValueError
        If the long windows do not reach for the fastest speed.
    """
    longest = windows.shape[1]
    slack = (longest - 1) - (steps - 1) * speeds
    if np.any(slack < 0):
        raise ValueError(
            f"{steps} steps at speed {speeds.max():.3f} need windows of at least "
            f"{1 + int(np.ceil((steps - 1) * speeds.max()))} steps, these have {longest}"
        )
    positions = (offsets * slack)[:, None] + np.arange(steps) * speeds[:, None]
    before = np.minimum(positions.astype(np.int64), longest - 2)
    share = (positions - before).astype(np.float32)[:, :, None]
    index = np.arange(len(windows))[:, None]
    return np.asarray(windows[index, before] * (1 - share) + windows[index, before + 1] * share, dtype=np.float32)


def long_steps(steps: int, settings: AugmentationSettings) -> int:
    """Length of the windows that :func:`augment` needs in order to return `steps`.

    Besides the fastest cadence it leaves half a second at 50 Hz (25 steps) for the random phase.
    """
    return int(np.ceil(steps * (1.0 + settings.speed))) + 25


def soften(windows: Windows, factors: NDArray[np.float64]) -> Windows:
    """Scale each window's movement about its mean; the mean (gravity, for a wearer at rest) stays.

    Parameters
    ----------
    windows : ndarray of float32, shape (n, steps, 3)
        m/s².
    factors : ndarray of float, shape (n,)
        Share of the movement that is left; above 1, it grows.

    Returns
    -------
    ndarray of float32, shape (n, steps, 3)
        m/s².
    """
    mean = windows.mean(axis=1, keepdims=True)
    return np.asarray(mean + (windows - mean) * factors[:, None, None], dtype=np.float32)


def mirror(windows: Windows, axes: NDArray[np.int64]) -> Windows:
    """Change the sign of one axis of each window, or of none where the axis is negative.

    Parameters
    ----------
    windows : ndarray of float32, shape (n, steps, 3)
        m/s².
    axes : ndarray of int64, shape (n,)
        Up to 2.

    Returns
    -------
    ndarray of float32, shape (n, steps, 3)
        m/s².
    """
    signs = np.where(np.arange(3) == axes[:, None], np.float32(-1), np.float32(1))
    return np.asarray(windows * signs[:, None, :], dtype=np.float32)


def augment(
    windows: Windows,
    turnable: NDArray[np.bool_],
    standing: NDArray[np.bool_],
    *,
    resting: NDArray[np.bool_] | None = None,
    mirrored_axes: NDArray[np.int64] | None = None,
    steps: int,
    settings: AugmentationSettings,
    rng: np.random.Generator,
) -> Windows:
    """Vary each window once: cadence and phase, vigour, wearing, sensitivity, bias, noise.

    Parameters
    ----------
    windows : ndarray of float32, shape (n, long, 3)
        m/s²; `long` is at least :func:`long_steps`.
    turnable : ndarray of bool, shape (n,)
        Which windows may be rotated freely.
    standing : ndarray of bool, shape (n,)
        Which windows show somebody standing.
    resting : ndarray of bool, shape (n,), optional
        Which windows show somebody at rest. Their strength of movement is left as it is, and those who do not stand
        have a share of free rotations of their own. If not given, nobody's strength is changed, and none has.
    mirrored_axes : ndarray of int64, shape (n,), optional
        The axis that mirroring each window's wearer changes; negative where that is not known. Nobody is mirrored,
        if not given.
    steps : int
        Length of the result.
    settings : AugmentationSettings
        How far each variation may go.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of float32, shape (n, steps, 3)
        m/s².

    Notes
    -----
    Freely rotated standing windows are made quieter (`AugmentationSettings.quietest_standing`): how much of the
    body's sway a phone feels depends on the wearer and on how high and how tightly it is worn, whereas
    somebody who sits still is near the sensor's noise already and cannot be quieter.
    """
    count = len(windows)
    speeds = rng.uniform(1.0 - settings.speed, 1.0 + settings.speed, count)
    varied = change_speed(windows, speeds, rng.uniform(size=count), steps)
    if resting is not None:
        strengths = np.exp(rng.uniform(-1.0, 1.0, count) * np.log1p(settings.vigour))
        varied = soften(varied, np.where(resting, 1.0, strengths))
    if mirrored_axes is not None:
        varied = mirror(varied, np.where(rng.uniform(size=count) < settings.mirrored_share, mirrored_axes, -1))
    shares = np.where(standing, settings.free_standing_share, settings.free_rotation_share)
    if resting is not None:
        shares = np.where(resting & ~standing, settings.free_sitting_share, shares)
    free = turnable & (rng.uniform(size=count) < shares)
    softness = rng.uniform(settings.quietest_standing, 1.0, count)
    varied = soften(varied, np.where(free & standing, softness, 1.0))
    rotations = random_tilts(count, settings.tilt_degrees, rng)
    rotations[~turnable] = random_tilts(int((~turnable).sum()), settings.lean_degrees, rng)
    rotations[free] = random_rotations(int(free.sum()), rng)
    varied = rotate(varied, rotations)
    scales = rng.uniform(1.0 - settings.scale, 1.0 + settings.scale, (count, 1, 1))
    biases = rng.uniform(-settings.bias, settings.bias, (count, 1, 3))
    spreads = rng.uniform(0.0, settings.noise, (count, 1, 1))
    noise = spreads * rng.normal(size=varied.shape)
    return np.asarray(varied * scales + biases + noise, dtype=np.float32)
