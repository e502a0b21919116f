"""Files of readings as an app writes them."""

from pathlib import Path

import numpy as np

#: 2026-05-01, 12:00 UTC.
NOON_S = 1_777_636_800


def write_walk(path: Path, seconds: float, *, rate_hz: int = 50, begin_s: float = 0, rest_s: float = 0) -> Path:
    """Write a CSV of a person who walks, and before that stands for `rest_s`.

    Parameters
    ----------
    path : Path
        The file.
    seconds, rest_s : float
        Length in all, and of the rest, s.
    rate_hz : int
        Readings per second.
    begin_s : float
        First time, s.
    """
    rng = np.random.default_rng(len(path.name))
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    moves = (at >= rest_s)[:, None]
    phase = 2 * np.pi * 1.9 * at[:, None] + rng.uniform(0, 6, 3)
    gait = np.sin(phase) * [1.5, 3.0, 1.5] + np.sin(2 * phase) * [0.8, 1.6, 0.9]
    axes = [0.4, 9.7, 0.9] + gait * moves + rng.normal(0, 0.05, (len(at), 3))
    rows = [f"{begin_s + t:.3f},{x:.4f},{y:.4f},{z:.4f}" for t, (x, y, z) in zip(at, axes, strict=True)]
    path.write_text("\n".join(["time,x,y,z", *rows]) + "\n")
    return path
