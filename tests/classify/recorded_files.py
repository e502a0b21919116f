"""Files of readings as an app writes them."""

from pathlib import Path

import numpy as np

from har.time_units import MICROSECONDS
from ingest.simulation.phone import SimulatedPhone

#: 2026-05-01, 12:00 UTC.
NOON_S = 1_777_636_800


def walking_phone() -> SimulatedPhone:
    """Return a simulated phone with 50 readings a second whose wearer walks for the first ten minutes."""
    for number in range(100):
        phone = SimulatedPhone(2018, number, session_start_us=0, segment_seconds=600, sample_rate_hz=50)
        if phone.activity_at(np.array([1_000_000])) == ["walk"]:
            return phone
    raise AssertionError("nobody walks")


def write_walk(path: Path, seconds: float, *, rate_hz: int = 50, begin_s: float = 0, rest_s: float = 0) -> Path:
    """Write a CSV of a simulated person who walks, and before that keeps still for `rest_s`.

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
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    phone = walking_phone()
    axes = phone.readings_until(phone.session_start_us + round((seconds + 1) * MICROSECONDS)).acceleration
    axes = axes[np.arange(len(at)) * 50 // rate_hz]
    still = axes.mean(axis=0) + np.random.default_rng(len(path.name)).normal(0, 0.05, (len(at), 3))
    axes = np.where((at >= rest_s)[:, None], axes, still)
    rows = [f"{begin_s + t:.3f},{x:.4f},{y:.4f},{z:.4f}" for t, (x, y, z) in zip(at, axes, strict=True)]
    path.write_text("\n".join(["time,x,y,z", *rows]) + "\n")
    return path
