"""Augmentation: random variations of placement, sensor errors and cadence of training windows.

All functions are pure and draw from the random generator that they are given, so a seed determines the result.
Windows are float32 ``(n, steps, 3)`` in m/s², gravity included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.fitting.interpolation import read_slowly, smooth, values_at
from trainer.fitting.rotations import random_rotations, random_tilts, rotate

Windows = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class AugmentationSettings:
    """Ranges of the random variations.

    Attributes
    ----------
    tilt_degrees : float
        Largest rotation about a random axis, degrees. It simulates another fit of a belt or pocket. With 45 degrees
        and a `vigour` of 0.4, stairs with the phone at the waist were confused with walking more often.
    lean_degrees : float
        The same for windows that may not be rotated freely, degrees. In these, only the lean of a wearer at rest shows
        the posture; it differs by 10 to 20 degrees between sitting and standing.
    mirrored_share : float
        Share of windows in which the wearer is mirrored (see `trainer.fitting.orientation.mirrored_axes`), as if the
        phone were on the other hip. This seems to be the case in 3 of the 40 waist sessions, where sitting and
        standing lean the other way. A larger share helps these wearers and harms all others equally.
    vigour : float
        Largest relative change of the strength of movement (0.15: factors from 1 / 1.15 to 1.15). It does not apply to
        wearers at rest, whose strength of movement distinguishes sitting from standing.
    free_rotation_share : float
        Share of the windows that allow it (see `trainer.fitting.orientation`) that get a uniformly random rotation. It
        simulates placements that are not in the recordings, where only movement distinguishes activities.
    free_sitting_share, free_standing_share : float
        The same for sitting and standing windows of a device that shows sway. Different shares would make one of the
        two the likelier prediction for a phone that is worn in another way.
    quietest_standing : float
        Least share of the sway that freely rotated standing windows keep.
    scale : float
        Largest relative error of the sensitivity (0.07: factors from 0.93 to 1.07).
    bias : float
        Largest offset of an axis, m/s².
    noise : float
        Largest standard deviation of added white noise, m/s².
    speed : float
        Largest relative change of the cadence (0.1: from 10 % slower to 10 % faster).
    free_rest_share : float
        Share of the windows of wearers at rest that get a uniformly random rotation although their sensor hides the
        sway. It teaches what movement tells of a phone that is worn in another way.
    slow_share : float
        Share of the windows that are measured again, less often, and interpolated, as of a slower phone.
    longest_spacing : float
        Largest spacing of these readings, steps (2.8: 18 readings a second at 50 Hz).
    smoothed_share : float
        Share of the windows whose fast movements are averaged out, as by another phone's filter or a soft pocket. It
        keeps the network from relying on impacts above 10 Hz.
    longest_average : int
        Largest length of that average, steps.
    """

    tilt_degrees: float = 25.0
    lean_degrees: float = 8.0
    mirrored_share: float = 0.05
    vigour: float = 0.15
    free_rotation_share: float = 0.4
    free_sitting_share: float = 0.5
    free_standing_share: float = 0.5
    quietest_standing: float = 0.2
    scale: float = 0.07
    bias: float = 0.2
    noise: float = 0.02
    speed: float = 0.10
    free_rest_share: float = 0.25
    slow_share: float = 0.15
    longest_spacing: float = 2.8
    smoothed_share: float = 0.10
    longest_average: int = 6


def change_speed(windows: Windows, speeds: NDArray[np.float64], offsets: NDArray[np.float64], steps: int) -> Windows:
    """Resample `steps` steps from longer windows at another speed and phase, by linear interpolation.

    Step ``k`` of the result is read at position ``offsets * slack + k * speeds``, where the slack is the unused length
    of the long window. Speed 1 at offset 0 gives the first `steps` values unchanged.

    Parameters
    ----------
    windows : ndarray of float32, shape (n, long, 3)
        m/s².
    speeds : ndarray of float64, shape (n,)
        Input steps per output step.
    offsets : ndarray of float64, shape (n,)
        Begin of the result within the slack, in [0, 1].
    steps : int
        Length of the result.

    Returns
    -------
    ndarray of float32, shape (n, steps, 3)
        m/s².

    Raises
    ------
    ValueError
        If the long windows are too short for the highest speed.
    """
    longest = windows.shape[1]
    slack = (longest - 1) - (steps - 1) * speeds
    if np.any(slack < 0):
        raise ValueError(
            f"{steps} steps at speed {speeds.max():.3f} need windows of at least "
            f"{1 + int(np.ceil((steps - 1) * speeds.max()))} steps, but they have {longest}"
        )
    return values_at(windows, (offsets * slack)[:, None] + np.arange(steps) * speeds[:, None])


def long_steps(steps: int, settings: AugmentationSettings) -> int:
    """Return the length of the windows that :func:`augment` needs to return `steps` steps.

    It suffices for the fastest cadence and leaves 25 steps (0.5 s at 50 Hz) for a random phase.
    """
    return int(np.ceil(steps * (1.0 + settings.speed))) + 25


def soften(windows: Windows, factors: NDArray[np.float64]) -> Windows:
    """Scale each window's deviation from its mean. The mean (gravity, for a wearer at rest) is unchanged.

    Parameters
    ----------
    windows : ndarray of float32, shape (n, steps, 3)
        m/s².
    factors : ndarray of float, shape (n,)
        Factor of the deviation.

    Returns
    -------
    ndarray of float32, shape (n, steps, 3)
        m/s².
    """
    mean = windows.mean(axis=1, keepdims=True)
    return np.asarray(mean + (windows - mean) * factors[:, None, None], dtype=np.float32)


def mirror(windows: Windows, axes: NDArray[np.int64]) -> Windows:
    """Change the sign of one axis of each window, or of none if its axis is negative.

    Parameters
    ----------
    windows : ndarray of float32, shape (n, steps, 3)
        m/s².
    axes : ndarray of int64, shape (n,)
        Axis of each window, 0 to 2; negative for none.

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
    """Vary each window once: cadence and phase, vigour, mirroring, rotation, sensitivity, bias and noise.

    Parameters
    ----------
    windows : ndarray of float32, shape (n, long, 3)
        m/s². `long` is at least :func:`long_steps`.
    turnable : ndarray of bool, shape (n,)
        Whether each window may be rotated freely.
    standing : ndarray of bool, shape (n,)
        Whether each window shows a standing wearer.
    resting : ndarray of bool, shape (n,), optional
        Whether each window shows a wearer at rest. For these, the strength of movement is not changed, and sitting
        windows use `free_sitting_share`. If not given, no strength is changed and that share is not used.
    mirrored_axes : ndarray of int64, shape (n,), optional
        Axis whose sign changes if the wearer of each window is mirrored; negative if it is unknown. If not given, no
        window is mirrored.
    steps : int
        Length of the result.
    settings : AugmentationSettings
        Ranges of the variations.
    rng : numpy.random.Generator
        Random generator.

    Returns
    -------
    ndarray of float32, shape (n, steps, 3)
        m/s².

    Notes
    -----
    Freely rotated standing windows get less sway (`AugmentationSettings.quietest_standing`), because the sway that a
    phone measures depends on the wearer and on how high and how tightly it is worn. Sitting windows are not changed, as
    they are close to the sensor's noise already.
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
    shares = np.where(turnable, shares, settings.free_rest_share)
    free = rng.uniform(size=count) < shares
    softness = rng.uniform(settings.quietest_standing, 1.0, count)
    varied = soften(varied, np.where(free & standing & turnable, softness, 1.0))
    rotations = random_tilts(count, settings.tilt_degrees, rng)
    rotations[~turnable] = random_tilts(int((~turnable).sum()), settings.lean_degrees, rng)
    rotations[free] = random_rotations(int(free.sum()), rng)
    varied = rotate(varied, rotations)
    scales = rng.uniform(1.0 - settings.scale, 1.0 + settings.scale, (count, 1, 1))
    biases = rng.uniform(-settings.bias, settings.bias, (count, 1, 3))
    spreads = rng.uniform(0.0, settings.noise, (count, 1, 1))
    noise = spreads * rng.normal(size=varied.shape)
    varied = np.asarray(varied * scales + biases + noise, dtype=np.float32)
    return _blurred(varied, settings, rng)


def _blurred(windows: Windows, settings: AugmentationSettings, rng: np.random.Generator) -> Windows:
    """Smooth some of the windows, and read some slowly."""
    count = len(windows)
    kinds = rng.uniform(size=count)
    smoothed = kinds < settings.smoothed_share
    slow = ~smoothed & (kinds < settings.smoothed_share + settings.slow_share)
    lengths = rng.integers(2, settings.longest_average + 1, count)
    spacings = rng.uniform(1.0, settings.longest_spacing, count)
    offsets = rng.uniform(size=count)
    blurred = windows.copy()
    blurred[smoothed] = smooth(windows[smoothed], lengths[smoothed])
    blurred[slow] = read_slowly(windows[slow], spacings[slow], offsets[slow])
    return blurred
